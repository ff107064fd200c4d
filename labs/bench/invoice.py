"""Invoices rendered by a warm process, compared with WeasyPrint as its documentation shows it."""

from collections.abc import Iterator
from typing import Final

from weasyprint import HTML

from common.invoice import ASSETS, PDF_VARIANT, invoice_html, render_pdf
from common.order import Order
from common.templates import only_packaged
from labs.bench.report import Row, Sides, measure_rounds, row, seconds
from localstack.preview.samples import long_order

# By lines of the order: invoices of each side in a round, and the limit of the ratio.
LINES: Final = {10: (20, 0.45), 100: (8, 0.5), 1_000: (2, 0.55)}


# The same content with flex boxes, columns that follow their content and lines between rows, as a page for browsers.
_PLAIN = """
header { display: flex; justify-content: space-between; align-items: baseline; line-height: normal; }
.brand { float: none; margin: 0; }
.parties { display: flex; gap: 8mm; }
.parties div { float: none; flex: 1; margin: 0; }
table { table-layout: auto; border-collapse: collapse; }
.lines td { border-bottom: 0.4pt solid #d5dce4; }
.lines tr:nth-child(even) { background: none; }
"""


def html_with_style(order: Order) -> str:
    """An order's invoice as one HTML text, with the style in it, as a page for browsers is written."""
    style = f"<style>{(ASSETS / 'invoice.css').read_text()}{_PLAIN}</style>"
    return invoice_html(order).replace("</head>", f"{style}</head>", 1)


def _sides(rounds: int, lines: int, times: int) -> Sides:
    order = long_order(lines)
    html, styled = invoice_html(order), html_with_style(order)

    def plain() -> None:
        page = HTML(string=styled, base_url=f"{ASSETS.as_uri()}/")
        page.write_pdf(pdf_variant=PDF_VARIANT)

    return measure_rounds(rounds, lambda: seconds(lambda: render_pdf(html)), lambda: seconds(plain), times)


def measure(rounds: int) -> Iterator[Row]:
    """Measure invoices of 10, 100 and 1,000 lines."""
    with only_packaged():
        for lines, (times, limit) in LINES.items():
            note = f"same content and PDF variant, alternating in one process, {times} of each in a round"
            what, vs = f"invoice of {lines:,} lines, warm", "WeasyPrint, HTML and CSS as for a browser"
            yield row("invoice", what, _sides(rounds, lines, times), vs, limit, note=note)
