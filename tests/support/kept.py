"""What follows from files alone and takes long to make, kept in build/kept for the next test and the next run.

A folder there is named by a digest of everything that shapes it, as a snapshot of `make up` is. Each run still checks
what is in it.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tooling import locks
from tooling.cli import UserError
from tooling.files import digests
from tooling.paths import ROOT

_KEPT = ROOT / "build" / "kept"
# What is kept takes a minute to make, and several on a busy machine.
_LOCK_SECONDS = 900
# What tools write between files that are ours.
_NOT_OURS = {".terraform", "__pycache__"}


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        found = (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        yield from (each for each in found if _NOT_OURS.isdisjoint(each.parts))


def digest(paths: Iterable[Path], *texts: str) -> str:
    """Digest of texts, and of the names and contents of files and of all files in folders."""
    result = hashlib.sha256(repr(texts).encode())
    result.update(digests(set(_files(paths)), ROOT))
    return result.hexdigest()


def program(name: str) -> list[Path]:
    """The file of a program, which shapes what it makes; none if it is not installed."""
    found = shutil.which(name)
    return [Path(found)] if found else []


def kept(name: str, inputs: Iterable[Path], make: Callable[[Path], None], folder: Path = _KEPT) -> Path:
    """The folder with what `make` wrote into it in this run or an earlier one with the same inputs.

    Args:
        name: What is kept; what was made under this name with other inputs is removed.
        inputs: Files and folders that shape it.
        make: Writes it into a new folder.
        folder: Where all that is kept is.
    """
    of_name = folder / name
    made = of_name / digest(inputs)[:24]
    # All workers of pytest may need it at about the same time.
    busy = UserError(f"another run has not made {name} after {_LOCK_SECONDS} s: wait for it to end")
    with locks.exclusive(of_name / "lock", _LOCK_SECONDS, busy):
        if not made.exists():
            for old in (path for path in of_name.iterdir() if path.is_dir()):
                shutil.rmtree(old)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=of_name))
            make(partial)
            partial.rename(made)
    return made
