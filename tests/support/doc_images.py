"""The pictures in docs/images, which tests make and which are outdated once what they show has changed.

`pytest --accept-pictures` lets the tests write them; sources.json has a digest of the files that each shows.
"""

import hashlib
import io
import json
from collections.abc import Callable
from typing import NamedTuple

import pytest
from PIL import Image

from tooling.paths import ROOT

FOLDER = ROOT / "docs" / "images"


class Origin(NamedTuple):
    """What pictures show: files and folders, and the command that renews the pictures."""

    sources: tuple[str, ...]
    command: str


# By the first word of the pictures' names.
ORIGINS = {
    "console": Origin(
        ("localstack/console/templates", "localstack/console/static", "tooling/base.css"),
        ".venv/bin/pytest e2e/test_console.py --accept-pictures",
    ),
    "evidence": Origin(
        (
            *("evidence/page.html", "evidence/style.css", "tooling/base.css"),
            *("templates/customer/order_confirmation.html", "templates/mail", "templates/invoice"),
        ),
        ".venv/bin/pytest tests/integration/test_evidence_in_a_browser.py --accept-pictures",
    ),
    "portal": Origin(
        ("localstack/portal/static", "tooling/base.css"), ".venv/bin/pytest e2e/test_portal.py --accept-pictures"
    ),
    "preview": Origin(("tests/visual",), ".venv/bin/pytest tests/unit/test_visual.py --accept-pictures"),
}


def _origin(name: str) -> Origin:
    return ORIGINS[name.partition("-")[0]]


def _digest(name: str) -> str:
    content = hashlib.sha256()
    for source in _origin(name).sources:
        path = ROOT / source
        for file in sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]:
            content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()


def _recorded() -> dict[str, str]:
    path = FOLDER / "sources.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def accept(name: str, png: bytes) -> None:
    """Write a picture, and record what it shows.

    Args:
        name: Name of the file; its first word is a key of ORIGINS.
        png: The picture.
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    # A third of the bytes, and no channel of a pixel differs by more than 5 of 255.
    image.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)
    recorded = _recorded() | {name: _digest(name)}
    (FOLDER / "sources.json").write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")


def outdated() -> list[str]:
    """A sentence for each picture that is missing, or older than what it shows."""
    recorded = _recorded()
    present = {path.name for path in FOLDER.glob("*.png")}
    names = {name for name in recorded if _digest(name) != recorded[name]} | (present ^ recorded.keys())
    return [f"{name} is older than what it shows: `{_origin(name).command}` renews it" for name in sorted(names)]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --accept-pictures."""
    parser.addoption(
        "--accept-pictures",
        action="store_true",
        help="accept the pictures as they are now",
    )


@pytest.fixture(scope="session")
def accept_picture(pytestconfig: pytest.Config) -> Callable[[str, bytes], None]:
    """Writes a picture of the documents, as `accept` does; without --accept-pictures it does nothing."""
    return accept if pytestconfig.getoption("--accept-pictures") else lambda name, png: None
