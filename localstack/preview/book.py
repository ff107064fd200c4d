"""build/preview: a page for each template and sample, with everything that was rendered from them."""

import hashlib
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2

from localstack.preview.pictures import VIEWS, Camera, open_camera, pdf_pages, png
from localstack.preview.render import INVOICE, Preview, Rendered, previews, render
from tooling.paths import BASE_CSS, ROOT

BOOK = ROOT / "build" / "preview"
VERSION = "version"
_DIGEST = "pictures.sha256"
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
)


class Book:
    """The pages of one run.

    Args:
        folder: Output folder; pictures in it that are still right are kept.
    """

    def __init__(self, folder: Path = BOOK) -> None:
        self.folder = folder
        self.entries: list[tuple[Preview, Rendered]] = []

    @property
    def errors(self) -> list[str]:
        """What could not be rendered, and why."""
        return [f"{preview.slug}: {result.error}" for preview, result in self.entries if result.error]

    @property
    def problems(self) -> list[str]:
        """What was rendered and breaks a rule."""
        return [f"{preview.slug}: {text}" for preview, result in self.entries for text in result.problems]

    def begin(self) -> None:
        """Have a page to show while the first pages are rendered."""
        if not (self.folder / "index.html").exists():
            self._write_pages()

    def write(self) -> None:
        """Render everything, and write all but the pictures."""
        self.entries = [(preview, render(preview)) for preview in previews()]
        for preview, result in self.entries:
            folder = self.folder / preview.slug
            folder.mkdir(parents=True, exist_ok=True)
            if not result.error:
                (folder / "source.html").write_text(result.html)
                (folder / "text.txt").write_text(result.text)
            if result.pdf:
                (folder / "document.pdf").write_bytes(result.pdf)
        self._write_pages()

    def take_pictures(self) -> int:
        """Take the pictures of the entries that have changed; returns the number of these.

        Raises:
            BrowserError: There is no Chromium.
        """
        stale = [
            (each, result) for each, result in self.entries if not result.error and not self._current(each, result)
        ]
        if stale:
            with open_camera() as camera:
                for preview, result in stale:
                    self._take_pictures(camera, preview, result)
            self._write_pages()
        return len(stale)

    def _take_pictures(self, camera: Camera, preview: Preview, result: Rendered) -> None:
        folder = self.folder / preview.slug
        for old in folder.glob("*.png"):
            old.unlink()
        if result.pdf:
            images = {f"page-{number:02}": page for number, page in enumerate(pdf_pages(result.pdf), start=1)}
        else:
            images = {str(view): camera.shoot(result.html, view) for view in VIEWS}
            (folder / "document.pdf").write_bytes(camera.print(result.html))
        for name, image in images.items():
            (folder / f"{name}.png").write_bytes(png(image))
        (folder / _DIGEST).write_text(_digest(result))

    def _current(self, preview: Preview, result: Rendered) -> bool:
        path = self.folder / preview.slug / _DIGEST
        return path.exists() and path.read_text() == _digest(result)

    def _write_pages(self, failure: str = "") -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        version, page = str(time.time_ns()), _PAGES.get_template("page.html")
        context: dict[str, Any] = {
            "version": version,
            "style": BASE_CSS.read_text(),
            "failure": failure,
            "groups": {},
            "preview": None,
        }
        for preview, result in self.entries:
            folder = self.folder / preview.slug
            entry = {
                "preview": preview,
                "result": result,
                "is_mail": preview.template != INVOICE,
                "has_pdf": (folder / "document.pdf").exists(),
                "pictures": sorted(path.name for path in folder.glob("*.png")),
                "current": self._current(preview, result),
            }
            (folder / "index.html").write_text(page.render(context | entry))
        groups = {name: list(found) for name, found in groupby(self.entries, key=lambda entry: entry[0].template)}
        (self.folder / "index.html").write_text(page.render(context | {"groups": groups}))
        # Last: the browser reloads when it changes.
        (self.folder / VERSION).write_text(version)

    def write_failure(self, failure: str) -> None:
        """Show on the first page why samples or code do not run."""
        self.entries = []
        self._write_pages(failure)


def _digest(result: Rendered) -> str:
    return hashlib.sha256(result.html.encode() + result.pdf).hexdigest()
