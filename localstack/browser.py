"""The system's Chromium, which takes the pictures of mails."""

import os
import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


class BrowserError(Exception):
    """There is no Chromium; the text says how to get it."""


def find() -> str:
    """The path of a Chromium or Chrome: what the variable CHROMIUM names, else the first that the machine has.

    Raises:
        BrowserError: there is none.
    """
    given = os.environ.get("CHROMIUM")
    for candidate in [given] if given else [*_NAMES, *_MAC]:
        found = shutil.which(candidate)
        if found:
            return found
    problem = f"CHROMIUM is {given!r}, which is no program" if given else "no Chromium was found"
    raise BrowserError(
        f"{problem}; it takes the pictures of mails. Get it: apt-get install chromium, "
        "or brew install --cask chromium, or name one: CHROMIUM=/path/of/chrome"
    )


def flags() -> list[str]:
    """The options of a Chromium that asks nothing of anybody and draws the same everywhere."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync"]
    drawing = ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"]
    # Chromium has no sandbox for root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [*quiet, *drawing, *sandbox]
