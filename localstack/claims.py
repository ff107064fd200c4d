"""Files that a command claims while it runs. The system ends a claim with the process, however that ends.

Imported by the engine too, so this module needs the standard library alone.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class Claim:
    """A claim of a file, with what it is for; a context that ends with it. Raises BlockingIOError: there is another."""

    def __init__(self, file: Path, content: str) -> None:
        self._file = file.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise
        self._file.truncate(0)
        self._file.write(content)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def claimed(file: Path) -> str | None:
    """What a file is claimed for; None if no process claims it."""
    try:
        with file.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return file.read_text()
    return None


@contextmanager
def released(file: Path) -> Iterator[None]:
    """Wait until no process claims a file, and keep others from claiming it in the context."""
    with file.open() as opened:
        fcntl.flock(opened, fcntl.LOCK_SH)
        yield
