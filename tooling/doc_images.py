"""The pictures in docs/images, which tests make and which are outdated once what they show has changed.

`pytest --accept-pictures` lets the tests write them; sources.json has a digest of the files that each shows.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tooling.paths import ROOT

FOLDER = ROOT / "docs" / "images"
_DIGESTS = FOLDER / "sources.json"
# Files and folders that a picture shows, by the first word of its name.
_SOURCES = {
    "console": ("localstack/console/templates", "localstack/console/static", "tooling/base.css"),
    "evidence": ("evidence/page.html", "evidence/style.css", "tooling/base.css", "templates"),
    "preview": ("tests/visual",),
}


def _files(name: str) -> Iterator[Path]:
    for source in _SOURCES[name.partition("-")[0]]:
        path = ROOT / source
        yield from sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _digest(name: str) -> str:
    content = hashlib.sha256()
    for path in _files(name):
        content.update(hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()


def _recorded() -> dict[str, str]:
    return dict(json.loads(_DIGESTS.read_text())) if _DIGESTS.exists() else {}


def accept(name: str, png: bytes) -> None:
    """Write a picture, and record what it shows.

    Args:
        name: Name of the file; its first word is one of console, evidence and preview.
        png: The picture.
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    # A third of the bytes, and no channel of a pixel differs by more than 5 of 255.
    image.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)
    _DIGESTS.write_text(json.dumps(_recorded() | {name: _digest(name)}, indent=2, sort_keys=True) + "\n")


def outdated() -> list[str]:
    """Names of the pictures that are missing, unrecorded, or older than what they show."""
    recorded = _recorded()
    present = {path.name for path in FOLDER.glob("*.png")}
    return sorted({name for name in recorded if _digest(name) != recorded[name]} | (present ^ recorded.keys()))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --accept-pictures."""
    parser.addoption("--accept-pictures", action="store_true", help="write the pictures in docs/images")


@pytest.fixture(scope="session")
def accept_picture(pytestconfig: pytest.Config) -> Callable[[str, bytes], None]:
    """Writes a picture of the documents, as `accept` does; without --accept-pictures it does nothing."""
    return accept if pytestconfig.getoption("--accept-pictures") else lambda name, png: None
