"""Waiting for a condition: how often it is looked at."""

import time

import pytest

from tooling.polling import DeadlineError, poll


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each sleep, which only moves the clock."""
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_poll_looks_less_often_the_longer_it_waits(sleeps: list[float]) -> None:
    """A condition is looked at every 50 ms at first, later after a twentieth of the wait, at least once a second."""
    with pytest.raises(DeadlineError, match="nothing: not after 60 s"):
        poll("nothing", lambda: None, 60)
    assert sleeps[:20] == [0.05] * 20
    assert sleeps == sorted(sleeps)
    assert (sleeps[-1], len(sleeps) < 130) == (1.0, True)


def test_poll_keeps_a_given_interval(sleeps: list[float]) -> None:
    """With an interval, a condition is looked at that often."""
    assert poll("five looks", lambda: len(sleeps) == 5 or None, 60, interval=0.3)
    assert sleeps == [0.3] * 5
