"""build/preview: a page for each template and sample, with all that was made of it."""

import hashlib
import time
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from localstack.preview.pictures import VIEWS, Camera, of_pdf, png
from localstack.preview.render import INVOICE, Rendered, Subject, render, subjects
from tooling.paths import ROOT

BOOK = ROOT / "build" / "preview"
VERSION = "version"
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
)
_DRAWN = "drawn.sha256"


class Book:
    """The pages of one run.

    Args:
        folder: to write to; what it holds of pictures that are still right is kept.
    """

    def __init__(self, folder: Path = BOOK) -> None:
        self.folder = folder
        self.entries: list[tuple[Subject, Rendered]] = []

    @property
    def errors(self) -> list[str]:
        """What could not be rendered, and why."""
        return [f"{subject.slug}: {result.error}" for subject, result in self.entries if result.error]

    @property
    def problems(self) -> list[str]:
        """What was rendered and breaks a rule."""
        return [f"{subject.slug}: {text}" for subject, result in self.entries for text in result.problems]

    def begin(self) -> None:
        """Have something to show while the first pages are made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "index.html").exists():
            self._write_index(str(time.time_ns()))

    def write(self) -> None:
        """Render everything and write all but the pictures."""
        self.entries = [(subject, render(subject)) for subject in subjects()]
        for subject, result in self.entries:
            folder = self.folder / subject.slug
            folder.mkdir(parents=True, exist_ok=True)
            if not result.error:
                (folder / "source.html").write_text(result.html)
                (folder / "text.txt").write_text(result.text)
            if result.pdf:
                (folder / "document.pdf").write_bytes(result.pdf)
        self._write_pages()

    def draw(self) -> int:
        """Take the pictures of what has changed since they were taken, and return of how many templates × samples.

        Raises:
            BrowserError: there is no Chromium.
        """
        stale = [(subject, result) for subject, result in self.entries if not result.error]
        stale = [(subject, result) for subject, result in stale if self._drawn(subject) != _digest(result)]
        if not stale:
            return 0
        with Camera() as camera:
            for subject, result in stale:
                self._draw(camera, subject, result)
        self._write_pages()
        return len(stale)

    def _draw(self, camera: Camera, subject: Subject, result: Rendered) -> None:
        folder = self.folder / subject.slug
        for old in folder.glob("*.png"):
            old.unlink()
        if result.pdf:
            images = {f"page-{number:02}": page for number, page in enumerate(of_pdf(result.pdf), start=1)}
        else:
            images = {str(view): camera.shoot(result.html, view) for view in VIEWS}
            (folder / "document.pdf").write_bytes(camera.print(result.html))
        for name, image in images.items():
            (folder / f"{name}.png").write_bytes(png(image))
        (folder / _DRAWN).write_text(_digest(result))

    def _drawn(self, subject: Subject) -> str:
        path = self.folder / subject.slug / _DRAWN
        return path.read_text() if path.exists() else ""

    def _write_pages(self) -> None:
        version = str(time.time_ns())
        for subject, result in self.entries:
            folder = self.folder / subject.slug
            shown = {
                "subject": subject,
                "result": result,
                "is_mail": subject.template != INVOICE,
                "pictures": sorted(path.name for path in folder.glob("*.png")),
                "has_pdf": (folder / "document.pdf").exists(),
                "current": self._drawn(subject) == _digest(result),
                "version": version,
            }
            (folder / "index.html").write_text(_PAGES.get_template("page.html").render(shown))
        self._write_index(version)

    def _write_index(self, version: str, failure: str = "") -> None:
        groups: dict[str, list[tuple[Subject, Rendered]]] = {}
        for subject, result in self.entries:
            groups.setdefault(subject.template, []).append((subject, result))
        index = _PAGES.get_template("index.html").render(groups=groups, failure=failure, version=version)
        (self.folder / "index.html").write_text(index)
        # Last, since it is what the browser is told by.
        (self.folder / VERSION).write_text(version)

    def write_failure(self, failure: str) -> None:
        """Say on the first page why there is nothing: the samples or the code do not run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_index(str(time.time_ns()), failure)


def _digest(result: Rendered) -> str:
    return hashlib.sha256(result.html.encode() + result.pdf).hexdigest()
