"""Invoices rendered by a warm process, compared with WeasyPrint as its documentation shows it."""

import statistics
import time
from collections.abc import Iterator
from typing import Final

from weasyprint import HTML

from common.invoice import ASSETS, PDF_VARIANT, invoice_html, render_pdf
from common.order import Order
from common.templates import only_packaged
from labs.bench.report import Row, interleave
from localstack.preview.samples import long_order

# By lines of the order: invoices of each side in a round, and the limit of the ratio.
LINES: Final = {10: (20, 0.8), 100: (8, 1.05), 1_000: (2, 1.05)}


def html_with_style(order: Order) -> str:
    """An order's invoice as one HTML text, with the style in it."""
    return invoice_html(order).replace("</head>", f"<style>{(ASSETS / 'invoice.css').read_text()}</style></head>", 1)


def _times(lines: int, times: int) -> tuple[float, float]:
    """Median seconds of our invoices and of the baseline's."""
    order = long_order(lines)
    html, styled, identifier = invoice_html(order), html_with_style(order), order.id.bytes

    def ours() -> float:
        began = time.perf_counter()
        render_pdf(html, identifier)
        return time.perf_counter() - began

    def baseline() -> float:
        began = time.perf_counter()
        page = HTML(string=styled, base_url=f"{ASSETS.as_uri()}/")
        page.write_pdf(pdf_variant=PDF_VARIANT, pdf_identifier=identifier)
        return time.perf_counter() - began

    sides = interleave(ours, baseline, times)
    return statistics.median(sides[0]), statistics.median(sides[1])


def measure(rounds: int) -> Iterator[Row]:
    """Measure invoices of 10, 100 and 1,000 lines."""
    with only_packaged():
        for lines, (times, limit) in LINES.items():
            ours, baseline = zip(*(_times(lines, times) for _ in range(rounds)), strict=True)
            yield Row(
                "invoice",
                f"invoice of {lines:,} lines, warm",
                "s",
                ours,
                "WeasyPrint, the style in the HTML",
                baseline,
                limit,
                note=f"same HTML and PDF variant, alternating in one process, {times} of each in a round",
            )
