"""What is in a mail or a PDF, without a browser."""

import threading
from email.message import EmailMessage

import pypdfium2
from PIL import Image

# PDFium must not be used by two threads at once.
_pdfium = threading.Lock()


def body(mail: EmailMessage, kind: str) -> str:
    """A version of a mail, `plain` or `html`; empty if it has none."""
    part = mail.get_body((kind,))
    return str(part.get_content()) if part else ""


def rasterize(pdf: bytes, scale: float, pages: int | None = None) -> list[Image.Image]:
    """Render the first pages of a PDF, or all, at a scale in pixels per point; PdfiumError if it is no PDF."""
    with _pdfium, pypdfium2.PdfDocument(pdf) as document:
        numbers = range(len(document))[:pages]
        return [document[number].render(scale=scale).to_pil().convert("RGB") for number in numbers]


def pdf_text(pdf: bytes) -> str:
    """Text of all pages of a PDF."""
    with _pdfium, pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
