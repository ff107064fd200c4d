"""How the tests start Chromium."""

import re
from pathlib import Path

import playwright

from tests.support import browser

BUNDLE = Path(playwright.__file__).parent / "driver" / "package" / "lib" / "coreBundle.js"


def test_features_that_playwright_disables_stay_disabled() -> None:
    """Our switch replaces Playwright's, so it has every feature of the installed version but those of Edge."""
    found = re.search(r"disabledFeatures = \[(.*?)\]", BUNDLE.read_text(), re.DOTALL)
    assert found
    theirs = {name for name in re.findall(r'^\s*"(\w+)"', found[1], re.MULTILINE) if not name.startswith("ms")}
    (switch,) = [flag for flag in browser.flags() if flag.startswith("--disable-features=")]
    assert len(theirs) > 5
    assert theirs - set(switch.partition("=")[2].split(",")) == set()
