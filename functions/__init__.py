"""The eight Lambda functions (R2), one folder each."""

import gc

_USUAL = gc.get_threshold()
# What a start makes stays as long as its process: to look for garbage among it, again and again, finds none.
gc.set_threshold(1_000_000)


def started() -> None:
    """Look for garbage from now on, and not among what the start has made."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
