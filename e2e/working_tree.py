"""Copies of the working tree, for tests that change files and deploy them to the local stack."""

import shutil
from pathlib import Path

from tooling.paths import ROOT

_LEFT_OUT = (".git", ".venv", ".terraform", "*_cache", "__pycache__", "build", "docs", "e2e", "tests")
# People have clones in such folders.
_NAME = "a 'b\" ä"


def copy_to(folder: Path, *build_folders: str) -> Path:
    """Copy what the local stack is built from into a folder with an awkward name; returns that.

    Args:
        folder: Where the folder of the copy is made.
        build_folders: Names of the folders in build/ to copy as well, so that they are not built again.
    """
    copy = folder / _NAME
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    for name in build_folders:
        shutil.copytree(ROOT / "build" / name, copy / "build" / name)
    return copy
