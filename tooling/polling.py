"""Waiting for a condition, never for a time."""

from collections.abc import Callable
from typing import cast

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from tooling.cli import UserError


class DeadlineError(UserError):
    """A condition did not become true in time; the text says which."""


def poll[T](what: str, attempt: Callable[[], T | None], seconds: float, interval: float = 0.05) -> T:
    """Call a function until it returns something other than None; return that. The error says `what` is waited for.

    Raises DeadlineError: it still returned None at the end of this time.
    """
    retrying = Retrying(
        stop=stop_after_delay(seconds), wait=wait_fixed(interval), retry=retry_if_result(lambda result: result is None)
    )
    try:
        result = retrying(attempt)
    except RetryError:
        raise DeadlineError(f"{what}: not after {seconds:g} s") from None
    return cast("T", result)
