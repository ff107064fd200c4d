"""Pages and text of a PDF, without a browser."""

import threading

import pypdfium2
from PIL import Image

# PDFium must not be used by two threads at once.
_pdfium = threading.Lock()


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
