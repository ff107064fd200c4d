"""Invoices and mails as pictures, without a browser (docs/decisions/0011-evidence-pack.md)."""

import io
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import NamedTuple

import pypdfium2
from PIL import Image, ImageChops

from common.invoice import AssetFetcher

# As wide as the mails want to be, and higher than any of a test. Browsers do not let a table inherit `align`.
_MAIL_PAGE = """
  @page { size: 624px 3000px; margin: 0 }
  html { font-family: "DejaVu Sans" }
  table { text-align: start }
  td[align=center] > table { margin: 0 auto }
"""
_SCALE = 1.6
# Text on few colours: a palette is a third of the bytes, and looks the same.
_COLOURS = 64
_MARGIN = 12


class Picture(NamedTuple):
    """A picture: PNG, width and height in pixels."""

    png: bytes
    width: int
    height: int


class Mail(NamedTuple):
    """A mail, as one sees it.

    Args:
        headers: those that are shown, by name.
        attachments: names and sizes in bytes.
        text: of its plain version.
        pages: of its HTML version.
    """

    headers: dict[str, str]
    attachments: list[tuple[str, int]]
    text: str
    pages: list[Picture]


def of_pdf(pdf: bytes, scale: float = _SCALE) -> list[Picture]:
    """The pages of a PDF."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [_picture(page.render(scale=scale).to_pil()) for page in document]
    finally:
        document.close()


def text_of_pdf(pdf: bytes) -> str:
    """The text of all pages of a PDF."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def _picture(image: Image.Image) -> Picture:
    written = io.BytesIO()
    image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return Picture(written.getvalue(), image.width, image.height)


def _without_empty_end(image: Image.Image) -> Image.Image:
    """A page without what is below its last line."""
    empty = Image.new("RGB", image.size, image.getpixel((0, image.height - 1)))
    box = ImageChops.difference(image, empty).getbbox()
    return image.crop((0, 0, image.width, min(image.height, box[3] + _MARGIN))) if box else image


def of_html(html: str) -> list[Picture]:
    """An HTML mail as a mail program shows it that loads nothing, in the invoice's fonts on every machine."""
    # Only now, when common.invoice has told it where those fonts are.
    from weasyprint import CSS, HTML

    pdf = HTML(string=html, url_fetcher=AssetFetcher()).write_pdf(
        stylesheets=[CSS(string=_MAIL_PAGE)],
        # Mails say in attributes what mail programs do not take from CSS.
        presentational_hints=True,
    )
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = [page.render(scale=_SCALE).to_pil().convert("RGB") for page in document]
    finally:
        document.close()
    return [_picture(_without_empty_end(page)) for page in pages]


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    content: str = part.get_content() if part else ""
    return content


def of_mail(content: bytes) -> Mail:
    """A mail from its bytes."""
    mail = message_from_bytes(content, policy=default)
    return Mail(
        headers={name: str(mail[name]) for name in ("From", "To", "Reply-To", "Subject") if mail[name]},
        attachments=[
            (part.get_filename() or "without a name", len(part.get_content())) for part in mail.iter_attachments()
        ],
        text=_body(mail, "plain"),
        pages=of_html(_body(mail, "html")),
    )
