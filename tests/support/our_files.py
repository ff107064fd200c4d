"""The files of this repository, with git or without it: a downloaded archive is tested too."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tooling.paths import ROOT

# Whether this tree is a clone.
IN_GIT: Final[bool] = (ROOT / ".git").exists()
# What git and tools make.
_NOT_OURS = {".git", ".venv", ".hypothesis", "build", ".terraform", "__pycache__"}


def our_files() -> Iterator[str]:
    """The path of each file in the repository, those that are not committed too."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_OURS and not name.endswith("_cache")]
        yield from (str(Path(folder, name).relative_to(ROOT)) for name in files)
