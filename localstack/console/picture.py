"""A PDF as a picture."""

import io
import threading

import pypdfium2

_PIXELS_PER_POINT = 2
# PDFium is not to be used by two threads at once.
_pdfium = threading.Lock()


def first_page(pdf: bytes) -> bytes:
    """The first page of a PDF as a PNG of 144 dots per inch.

    Raises:
        pypdfium2.PdfiumError: it is no PDF.
    """
    picture = io.BytesIO()
    with _pdfium, pypdfium2.PdfDocument(pdf) as document:
        document[0].render(scale=_PIXELS_PER_POINT).to_pil().save(picture, "PNG")
    return picture.getvalue()
