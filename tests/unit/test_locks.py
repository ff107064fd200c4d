"""Locks between processes."""

from pathlib import Path

import pytest

from tooling import locks
from tooling.cli import UserError
from tooling.polling import DeadlineError


def test_exclusive_held_raises_the_refusal_and_is_free_afterwards(tmp_path: Path) -> None:
    """A lock has one holder; a process that waits too long gets its own error, and the next one gets the lock."""
    file, busy = tmp_path / "folder" / "lock", UserError("wait")
    with locks.exclusive(file, 1, busy), pytest.raises(UserError) as refused, locks.exclusive(file, 0.1, busy):
        pytest.fail("two hold the lock")
    assert refused.value is busy
    with locks.exclusive(file, 0, busy):
        pass


def test_exclusive_passes_the_deadlines_of_its_body_on(tmp_path: Path) -> None:
    """A deadline that passes while the lock is held is not taken for that of the lock."""
    with pytest.raises(DeadlineError, match="the stack"), locks.exclusive(tmp_path / "lock", 0, UserError("wait")):
        raise DeadlineError("the stack")
