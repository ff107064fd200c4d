"""The system's Chromium, which tries the console and takes the pictures of mails."""

import os

from tooling.machine import CHROMIUM_MISSING, find_chromium


class BrowserError(Exception):
    """There is no Chromium; the text says how to get it."""


def find() -> str:
    """The path of a Chromium or Chrome.

    Raises:
        BrowserError: there is none.
    """
    found = find_chromium()
    if found is None:
        raise BrowserError(f"no {CHROMIUM_MISSING.what} was found. Get it: {CHROMIUM_MISSING.remedy}")
    return found


def flags() -> list[str]:
    """The options of a Chromium that asks nothing of anybody and draws the same everywhere."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync"]
    drawing = ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"]
    # Chromium has no sandbox for root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [*quiet, *drawing, *sandbox]
