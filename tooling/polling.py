"""Waiting for a condition, never for a time."""

from collections.abc import Callable
from typing import cast

from tenacity import RetryCallState, RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from tooling.cli import UserError


class DeadlineError(UserError):
    """A condition did not become true in time; the text says which."""


_SHORTEST_SECONDS, _LONGEST_SECONDS, _SHARE = 0.05, 1.0, 0.05


def poll[T](what: str, attempt: Callable[[], T | None], seconds: float, interval: float | None = None) -> T:
    """Call a function until it returns something other than None; return that. The error says `what` is waited for.

    Args:
        interval: Seconds between two calls; None for a twentieth of the time waited so far, 0.05 to 1 s, so that a long
            wait takes little from what it waits for.

    Raises DeadlineError: it still returned None at the end of this time.
    """
    wait = _share_of_wait if interval is None else wait_fixed(interval)
    retrying = Retrying(stop=stop_after_delay(seconds), wait=wait, retry=retry_if_result(lambda result: result is None))
    try:
        result = retrying(attempt)
    except RetryError:
        raise DeadlineError(f"{what}: not after {seconds:g} s") from None
    return cast("T", result)


def _share_of_wait(state: RetryCallState) -> float:
    return min(max(_SHORTEST_SECONDS, _SHARE * (state.seconds_since_start or 0)), _LONGEST_SECONDS)
