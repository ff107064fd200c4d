"""The pictures in docs/images are as new as what they show."""

from pathlib import Path

import pytest
from PIL import Image

from tests.support import doc_images
from tests.support.doc_images import Origin
from tests.support.pictures import png


def test_document_pictures_are_current() -> None:
    """No picture of the documents is older than what it shows."""
    assert doc_images.outdated() == []


def test_changed_source_makes_picture_outdated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is outdated when a file that it shows has changed, or nobody recorded what it shows."""
    source = tmp_path / "page.html"
    source.write_text("one")
    monkeypatch.setattr(doc_images, "FOLDER", tmp_path)
    monkeypatch.setattr(doc_images, "ORIGINS", {"console": Origin((str(source),), "make pictures")})
    doc_images.accept("console-list.png", png(Image.new("RGB", (10, 10), "white")))
    assert doc_images.outdated() == []
    source.write_text("two")
    (tmp_path / "console-other.png").write_bytes(b"")
    assert doc_images.outdated() == [
        "console-list.png is older than what it shows: `make pictures` renews it",
        "console-other.png is older than what it shows: `make pictures` renews it",
    ]
