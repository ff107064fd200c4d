"""The invoice drawn with plain WeasyPrint for each message: HTML and CSS as one text, nothing kept between two."""

from pathlib import Path
from typing import Any

from weasyprint import HTML

_FOLDER = Path(__file__).parent
_TEXT = (_FOLDER / "invoice_of_the_floor.html").read_text()
# Where the fonts that it names are.
_BASE = str(_FOLDER / "templates" / "invoice") + "/"


def end(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Draw, and throw away."""
    for _record in event["Records"]:
        HTML(string=_TEXT, base_url=_BASE).write_pdf()
    return {"batchItemFailures": []}
