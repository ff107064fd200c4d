"""`bin/release openapi` writes docs/openapi.json, and docs/api.md from it."""

import json

from release.openapi import reference
from release.openapi.document import document
from tooling.paths import ROOT

PATH = ROOT / "docs" / "openapi.json"
REFERENCE = ROOT / "docs" / "api.md"


def text() -> str:
    """The document as it is written."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """The page for people as it is written."""
    return reference.text(json.loads(text()))


def write() -> None:
    """Write both."""
    PATH.write_text(text())
    REFERENCE.write_text(page())
    print(f"wrote {PATH.relative_to(ROOT)} and {REFERENCE.relative_to(ROOT)}")
