"""Locks between processes, by file. The system releases a lock with its process, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tooling.cli import UserError
from tooling.polling import DeadlineError, poll


@contextmanager
def exclusive(file: Path, seconds: float, refusal: UserError) -> Iterator[None]:
    """Hold the lock of a file, which is made if it does not exist; raises `refusal` if another does for so long."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:

        def locked() -> bool | None:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            return None

        try:
            poll(f"the lock {file}", locked, seconds)
        except DeadlineError:
            raise refusal from None
        yield
