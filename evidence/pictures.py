"""Pictures of invoices and mails, made without a browser (docs/decisions/0011-evidence-pack.md)."""

import io
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import NamedTuple

import pypdfium2
from PIL import Image, ImageChops

# As wide as our mails, and taller than any of a test. Browsers do not let a table inherit `align`.
_MAIL_PAGE = """
  @page { size: 624px 3000px; margin: 0 }
  html { font-family: "DejaVu Sans" }
  table { text-align: start }
  td[align=center] > table { margin: 0 auto }
"""
_SCALE = 1.6
# PDFium must not be used by two threads at once.
_pdfium = threading.Lock()
# Text uses few colours: a palette takes a third of the bytes and looks the same.
_COLOURS = 64
_MARGIN = 12


class Picture(NamedTuple):
    """A PNG with its width and height in pixels."""

    png: bytes
    width: int
    height: int


class Mail(NamedTuple):
    """A mail as the reader sees it.

    Args:
        headers: The visible headers, by name.
        attachments: Names and sizes in bytes.
        text: The plain text version.
        pages: Pictures of the HTML version.
    """

    headers: dict[str, str]
    attachments: list[tuple[str, int]]
    text: str
    pages: list[Picture]


def rasterize(pdf: bytes, scale: float, pages: int | None = None) -> list[Image.Image]:
    """Render the pages of a PDF.

    Args:
        pdf: The PDF.
        scale: Pixels per point.
        pages: Number of pages; None for all.

    Raises:
        pypdfium2.PdfiumError: It is not a PDF.
    """
    with _pdfium, pypdfium2.PdfDocument(pdf) as document:
        numbers = range(len(document))[:pages]
        return [document[number].render(scale=scale).to_pil().convert("RGB") for number in numbers]


def pdf_text(pdf: bytes) -> str:
    """Text of all pages of a PDF."""
    with _pdfium, pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def pdf_pages(pdf: bytes) -> list[Picture]:
    """Pictures of the pages of a PDF."""
    return [_picture(page) for page in rasterize(pdf, _SCALE)]


def html_pages(html: str) -> list[Picture]:
    """Pictures of an HTML mail in a mail program that loads nothing, with the invoice's fonts on every machine."""
    # Imported late, since it takes a second; common.invoice first, because it configures WeasyPrint's fonts.
    from common.invoice import AssetFetcher  # isort: skip
    from weasyprint import CSS, HTML

    pdf = HTML(string=html, url_fetcher=AssetFetcher()).write_pdf(
        stylesheets=[CSS(string=_MAIL_PAGE)],
        # Mails use attributes for what mail programs ignore in CSS.
        presentational_hints=True,
    )
    return [_picture(_trim_bottom(page)) for page in rasterize(pdf, _SCALE)]


def parse_mail(content: bytes) -> Mail:
    """Read a mail from its source."""
    mail = message_from_bytes(content, policy=default)
    return Mail(
        headers={name: str(mail[name]) for name in ("From", "To", "Reply-To", "Subject") if mail[name]},
        attachments=[
            (part.get_filename() or "without a name", len(part.get_content())) for part in mail.iter_attachments()
        ],
        text=_body(mail, "plain"),
        pages=html_pages(_body(mail, "html")),
    )


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part else ""


def _picture(image: Image.Image) -> Picture:
    file = io.BytesIO()
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return Picture(file.getvalue(), image.width, image.height)


def _trim_bottom(image: Image.Image) -> Image.Image:
    """Cut off the empty part below the last line."""
    empty = Image.new("RGB", image.size, image.getpixel((0, image.height - 1)))
    box = ImageChops.difference(image, empty).getbbox()
    return image.crop((0, 0, image.width, min(image.height, box[3] + _MARGIN))) if box else image
