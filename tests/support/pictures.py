"""Pictures of mails and invoices, compared with the reviewed ones in tests/visual.

Only the invoice's fonts are used, so that a picture is the same on every machine.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from common.invoice import ASSETS
from evidence.content import rasterize
from localstack.preview.render import (
    CONFIRMATION,
    INVOICE,
    NOTIFICATION,
    PROBLEM,
    REJECTION,
    STATUS,
    Preview,
    Rendered,
    render,
)
from tests.support import browser, doc_images
from tooling.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

REVIEWED = ROOT / "tests" / "visual"
DIFFERENCES = ROOT / "build" / "visual"
# Mails are opened from here; every request is served or aborted by this process.
_ORIGIN = "http://mail.invalid"
_FONTS = """<style>
@font-face { font-family: Preview; src: url(/DejaVuSans.ttf); font-weight: normal; }
@font-face { font-family: Preview; src: url(/DejaVuSans-Bold.ttf); font-weight: bold; }
* { font-family: Preview !important; }
</style></head>"""
_ACCEPT = ".venv/bin/pytest tests/unit/test_visual.py --accept-pictures"
_DOTS_PER_INCH = 80
_SECONDS = 30
# A pixel differs if a channel differs by more than this of 255: the grey edges of letters, which depend on the version
# of the font renderer, stay below; two of our colours are above.
CHANNEL = 24
# Two pictures differ if in a square of this many pixels a side more than this share of pixels differs. A wrong digit, a
# shade of the brand's colour or a line one pixel lower is 0.11 and more; other edges of all letters stay below 0.09.
SQUARE, SHARE = 16, 0.1


@dataclass(frozen=True)
class View:
    """How a mail is viewed: width in CSS pixels, and dark mode."""

    width: int
    dark: bool

    def __str__(self) -> str:
        return f"{'dark' if self.dark else 'light'}-{self.width}"


VIEWS = [View(width, dark) for width in (640, 360) for dark in (False, True)]
_LIGHT, _DARK, _NARROW, _NARROW_DARK = VIEWS
# One picture for each thing that can break: layout, dark mode, width, long texts, scripts, page breaks.
_MAILS: list[tuple[Preview, list[View]]] = [
    (Preview(CONFIRMATION, "campaign"), VIEWS),
    (Preview(CONFIRMATION, "one-line"), [_LIGHT]),
    (Preview(CONFIRMATION, "scripts"), [_NARROW]),
    (Preview(CONFIRMATION, "long-names"), [_NARROW_DARK]),
    (Preview(NOTIFICATION, "campaign"), [_LIGHT, _NARROW_DARK]),
    (Preview(NOTIFICATION, "long-names"), [_DARK]),
    (Preview(STATUS, "paid"), [_LIGHT, _NARROW_DARK]),
    (Preview(STATUS, "expired"), [_DARK, _NARROW]),
    (Preview(PROBLEM, "suppressed"), [_LIGHT, _NARROW_DARK]),
    (Preview(REJECTION, "cart_not_found"), [_LIGHT, _NARROW_DARK]),
]
# Sample, and page numbers from 0; -1 is the last page.
_INVOICES = {"one-line": [0], "campaign": [0], "scripts": [0], "long-names": [0, -1], "200-lines": [0, -1]}
# Pictures of the documents, each of several reviewed pictures side by side.
_DOCUMENTS = {
    "preview-mails.png": (
        "order-confirmation.campaign.light-640",
        "order-confirmation.campaign.dark-360",
        "order-confirmation.scripts.light-360",
    ),
    "preview-invoices.png": ("invoice.campaign.page-1", "invoice.long-names.page-1"),
}


class Camera:
    """Takes pictures of mails.

    Args:
        chromium: A headless Chromium.

    Attributes:
        refused: URLs that mails tried to load.
    """

    def __init__(self, chromium: Browser) -> None:
        self.refused: list[str] = []
        self._browser = chromium
        self._html = ""
        self._pages: dict[View, Page] = {}

    def open(self, html: str, view: View) -> Page:
        """Open a mail and wait for its fonts."""
        if view not in self._pages:
            page = self._browser.new_page(
                viewport={"width": view.width, "height": 400}, color_scheme="dark" if view.dark else "light"
            )
            page.set_default_timeout(_SECONDS * 1_000)
            page.route("**/*", self._answer)
            self._pages[view] = page
        self._html = html.replace("</head>", _FONTS, 1)
        self._pages[view].goto(f"{_ORIGIN}/")
        self._pages[view].evaluate("document.fonts.ready.then(() => true)")
        return self._pages[view]

    def shoot(self, html: str, view: View) -> Image.Image:
        """Take a picture of a whole mail."""
        png = self.open(html, view).screenshot(full_page=True, animations="disabled")
        return Image.open(io.BytesIO(png)).convert("RGB")

    def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(_ORIGIN)
        if path == "/":
            route.fulfill(body=self._html, content_type="text/html; charset=utf-8")
        elif path in ("/DejaVuSans.ttf", "/DejaVuSans-Bold.ttf"):
            route.fulfill(path=ASSETS / "fonts" / path[1:], content_type="font/ttf")
        else:
            if path != "/favicon.ico":
                self.refused.append(route.request.url)
            route.abort()


@contextmanager
def open_camera() -> Iterator[Camera]:
    """Start a Chromium, and stop it in the end.

    Raises:
        BrowserError: There is no Chromium.
    """
    with browser.launch() as chromium:
        yield Camera(chromium)


def pdf_pages(pdf: bytes) -> list[Image.Image]:
    """Pictures of the pages of a PDF."""
    return rasterize(pdf, _DOTS_PER_INCH / 72)


def png(image: Image.Image) -> bytes:
    """A picture as a lossless PNG."""
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


@dataclass(frozen=True)
class Comparison:
    """Two pictures, compared."""

    expected: Image.Image
    actual: Image.Image

    @cached_property
    def _mask(self) -> Image.Image:
        """White where a pixel differs."""
        red, green, blue = ImageChops.difference(self.expected, self.actual).split()
        largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        return largest.point([255 if value > CHANNEL else 0 for value in range(256)])

    @property
    def share(self) -> float:
        """Share of differing pixels in the square that differs most, 0 to 1; 1 for different sizes."""
        if self.expected.size != self.actual.size:
            return 1.0
        width, height = (-(-side // SQUARE) * SQUARE for side in self.actual.size)
        squares = Image.new("L", (width, height))
        squares.paste(self._mask)
        return max(squares.reduce(SQUARE).tobytes()) / 255

    @property
    def same(self) -> bool:
        """Whether no square differs by more than SHARE."""
        return self.share <= SHARE

    def picture(self) -> Image.Image:
        """The actual picture, pale, with differences in red; pictures of different sizes side by side."""
        if self.expected.size != self.actual.size:
            return _side_by_side([self.expected, self.actual], 0, "magenta")
        pale = Image.blend(self.actual, Image.new("RGB", self.actual.size, "white"), 0.7)
        pale.paste((220, 0, 0), mask=self._mask)
        return pale


def _side_by_side(images: list[Image.Image], gap: int, background: str) -> Image.Image:
    width = sum(image.width for image in images) + gap * (len(images) + 1)
    joined = Image.new("RGB", (width, max(image.height for image in images) + 2 * gap), background)
    left = gap
    for image in images:
        joined.paste(image, (left, gap))
        left += image.width + gap
    return joined


def _rendered(preview: Preview) -> Rendered:
    result = render(preview)
    if result.error:
        raise ValueError(f"{preview.slug}: {result.error}")
    return result


def mails(camera: Camera) -> Iterator[tuple[str, Image.Image]]:
    """Current pictures of mails, by name.

    Raises:
        ValueError: A mail cannot be rendered; the text has file and line of the template.
    """
    for preview, views in _MAILS:
        html = _rendered(preview).html
        for view in views:
            yield f"{preview.slug}.{view}", camera.shoot(html, view)


def invoices() -> Iterator[tuple[str, Image.Image]]:
    """Current pictures of invoice pages, by name.

    Raises:
        ValueError: An invoice cannot be rendered; the text has file and line of the template.
    """
    for sample, numbers in _INVOICES.items():
        preview = Preview(INVOICE, sample)
        pages = pdf_pages(_rendered(preview).pdf)
        for number in numbers:
            yield f"{preview.slug}.{'last' if number < 0 else f'page-{number + 1}'}", pages[number]


def difference(name: str, actual: Image.Image, folder: Path = DIFFERENCES) -> str | None:
    """Compare a picture with the reviewed one.

    Args:
        name: Name of the picture.
        actual: Current picture.
        folder: Folder for both pictures and their difference.

    Returns:
        A sentence with the paths of the three pictures; None if they do not differ.
    """
    reviewed = REVIEWED / f"{name}.png"
    paths = {kind: folder / f"{name}.{kind}.png" for kind in ("expected", "actual", "diff")}
    for path in paths.values():
        path.unlink(missing_ok=True)
    if not reviewed.exists():
        return f"{name} was never reviewed: look at it, and accept it with `{_ACCEPT}`"
    with Image.open(reviewed) as file:
        comparison = Comparison(file.convert("RGB"), actual)
    if comparison.same:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    images = {"expected": comparison.expected, "actual": actual, "diff": comparison.picture()}
    for kind, path in paths.items():
        images[kind].save(path)
    listed = ", ".join(str(path) for path in paths.values())
    return f"{name} differs, by {comparison.share:.0%} in one place: {listed}. To accept it: `{_ACCEPT}`"


def accept(camera: Camera) -> list[str]:
    """Accept all current pictures: write those that differ, remove those without a template, renew the documents'.

    Returns:
        Names of the pictures that were written.

    Raises:
        ValueError: Something cannot be rendered; the text has file and line of the template.
    """
    current = dict([*mails(camera), *invoices()])
    REVIEWED.mkdir(parents=True, exist_ok=True)
    for path in REVIEWED.glob("*.png"):
        if path.stem not in current:
            path.unlink()
    changed = [name for name, image in current.items() if difference(name, image)]
    for name in changed:
        (REVIEWED / f"{name}.png").write_bytes(png(current[name]))
    for document, names in _DOCUMENTS.items():
        doc_images.accept(document, png(_side_by_side([current[name] for name in names], 24, "#e4e8ec")))
    return changed
