"""Pictures of mails and PDFs, and how far two pictures differ.

Fonts are those of the invoice and no others, so that a picture is the same on every machine.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pypdfium2
from PIL import Image, ImageChops
from playwright.sync_api import sync_playwright

from common.invoice import ASSETS
from localstack import browser

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

# Where a mail is shown from; nothing leaves the machine, since every request is answered or refused here.
_ORIGIN = "http://mail.invalid"
_FONTS = """<style>
@font-face { font-family: Preview; src: url(/DejaVuSans.ttf); font-weight: normal; }
@font-face { font-family: Preview; src: url(/DejaVuSans-Bold.ttf); font-weight: bold; }
* { font-family: Preview !important; }
</style></head>"""
_DOTS_PER_INCH = 80
_SECONDS = 30

# A pixel differs if a channel does by more than this of 255: the grey of a letter's edge, which versions of a font
# renderer draw a little otherwise, stays below; one colour of ours against another is above.
CHANNEL = 24
# Two pictures differ if in one square of so many pixels a side more than this share of them do. A wrong digit, a shade
# of the brand's colour or a line one pixel lower is 0.11 and more; other edges of all letters, everywhere, below 0.09.
SQUARE, SHARE = 16, 0.1


@dataclass(frozen=True)
class View:
    """How a mail is looked at: the width in CSS pixels, and whether the client is in dark mode."""

    width: int
    dark: bool

    def __str__(self) -> str:
        return f"{'dark' if self.dark else 'light'}-{self.width}"


VIEWS = [View(width, dark) for width in (640, 360) for dark in (False, True)]


class Camera:
    """A headless Chromium that takes pictures of mails.

    Attributes:
        refused: URLs that mails asked for and did not get.

    Raises:
        BrowserError: there is no Chromium.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._html = ""
        self._pages: dict[View, Page] = {}

    def __enter__(self) -> Self:
        program = browser.find()
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(executable_path=program, args=browser.flags())
        except BaseException:
            self._playwright.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(self, html: str, view: View) -> Page:
        """A mail in the browser, with the fonts loaded."""
        if view not in self._pages:
            page = self._browser.new_page(
                viewport={"width": view.width, "height": 400},
                color_scheme="dark" if view.dark else "light",
                java_script_enabled=True,
            )
            page.set_default_timeout(_SECONDS * 1_000)
            page.route("**/*", self._answer)
            self._pages[view] = page
        self._html = html.replace("</head>", _FONTS, 1)
        self._pages[view].goto(f"{_ORIGIN}/")
        self._pages[view].evaluate("document.fonts.ready.then(() => true)")
        return self._pages[view]

    def shoot(self, html: str, view: View) -> Image.Image:
        """The whole of a mail."""
        png = self.open(html, view).screenshot(full_page=True, animations="disabled")
        return Image.open(io.BytesIO(png)).convert("RGB")

    def print(self, html: str) -> bytes:
        """A mail as a PDF, as a customer prints it."""
        return self.open(html, VIEWS[0]).pdf(format="A4", print_background=True)

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


def of_pdf(pdf: bytes) -> list[Image.Image]:
    """The pages of a PDF."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=_DOTS_PER_INCH / 72).to_pil().convert("RGB") for page in document]


def png(image: Image.Image) -> bytes:
    """A picture as a small PNG, without loss."""
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


@dataclass(frozen=True)
class Comparison:
    """Two pictures, and where they differ.

    Attributes:
        share: of the pixels that differ in the square that differs most, 0 to 1; 1 for pictures of different sizes.
    """

    expected: Image.Image
    actual: Image.Image

    @cached_property
    def _mask(self) -> Image.Image:
        """White where a pixel differs."""
        channels = ImageChops.difference(self.expected, self.actual).split()
        most = channels[0]
        for channel in channels[1:]:
            most = ImageChops.lighter(most, channel)
        return most.point([255 if value > CHANNEL else 0 for value in range(256)])

    @property
    def share(self) -> float:
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
        """The actual one, pale, with red where it differs; of different sizes, both side by side."""
        if self.expected.size != self.actual.size:
            size = (self.expected.width + self.actual.width, max(self.expected.height, self.actual.height))
            both = Image.new("RGB", size, "magenta")
            both.paste(self.expected)
            both.paste(self.actual, (self.expected.width, 0))
            return both
        pale = Image.blend(self.actual, Image.new("RGB", self.actual.size, "white"), 0.7)
        pale.paste((220, 0, 0), mask=self._mask)
        return pale
