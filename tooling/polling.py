"""Waiting for a condition, never for a time."""

from collections.abc import Callable
from typing import cast

from tenacity import RetryError as _GaveUpError
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tooling.cli import UserError


class DeadlineError(UserError):
    """What was waited for did not come in time; the text says what it is."""


def poll[T](what: str, ask: Callable[[], T | None], seconds: float, interval: float = 0.05) -> T:
    """Ask again and again until there is an answer other than None.

    Args:
        what: is waited for, for the error.
        ask: gives the answer, or None as long as there is none.
        seconds: how long to ask.
        interval: seconds between two askings.

    Raises:
        DeadlineError: there was no answer in time.
    """
    retrying = Retrying(
        stop=stop_after_delay(seconds), wait=wait_fixed(interval), retry=retry_if_result(lambda answer: answer is None)
    )
    try:
        answer = retrying(ask)
    except _GaveUpError:
        raise DeadlineError(f"{what}: not after {seconds:g} s") from None
    return cast("T", answer)
