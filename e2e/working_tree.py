"""Copies of the working tree, for tests that change files and deploy them to the local stack."""

import shutil
from pathlib import Path

from tooling.paths import ROOT

_LEFT_OUT = (".git", ".venv", ".terraform", "*_cache", "__pycache__", "build", "docs", "e2e", "tests")


def copy_to(folder: Path, *build_folders: str) -> None:
    """Copy what the local stack is built from.

    Args:
        folder: Folder of the copy.
        build_folders: Names of the folders in build/ to copy as well, so that they are not built again.
    """
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT), dirs_exist_ok=True)
    for name in build_folders:
        shutil.copytree(ROOT / "build" / name, folder / "build" / name)
