"""The system's Chromium, which tests the console and takes screenshots of mails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tooling.cli import UserError
from tooling.machine import CHROMIUM_MISSING, find_chromium

# Pages of Chromium's own window, which is not shown, take as much as the pages of the tests.
_WINDOW = ("PreloadTopChromeWebUI", "InitialWebUI", "WebUIReloadButton", "WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
# Chromium takes the last switch only, so Playwright's own features are repeated (its chromiumSwitches.ts).
_DISABLED = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)


class BrowserError(UserError):
    """There is no Chromium; the message says how to install it."""


def find() -> str:
    """Find Chromium or Chrome.

    Raises:
        BrowserError: There is none.
    """
    found = find_chromium()
    if found is None:
        raise BrowserError(f"no {CHROMIUM_MISSING.what} was found: {CHROMIUM_MISSING.remedy}")
    return found


def flags() -> list[str]:
    """Options that keep Chromium off the network and make it render the same on every machine."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync"]
    rendering = ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"]
    # Chromium has no sandbox for root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [*quiet, *rendering, *sandbox, f"--disable-features={','.join((*_DISABLED, *_WINDOW))}"]


@contextmanager
def launch() -> Iterator[Browser]:
    """Start a headless Chromium, and stop it in the end.

    Raises:
        BrowserError: There is no Chromium.
    """
    program = find()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=flags()) as browser:
        yield browser
