"""Draws invoices in a process of its own: `python -m labs.bench.drawing times 10 20`, or `… memory 200`."""

import argparse
import json
import time
from collections.abc import Callable

import psutil
from weasyprint import HTML

from common.invoice import ASSETS, PDF_VARIANT, invoice_html, render_pdf
from common.templates import only_packaged
from labs.bench.turns import in_turn
from localstack.preview.samples import long_order

# After so many, what a process keeps is there.
_WARM = 20
_LINES_FOR_MEMORY = 10


def _seconds(call: Callable[[], object]) -> tuple[float, float]:
    """How long a call takes: on the clock, and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def naive(html: str, identifier: bytes) -> bytes:
    """A PDF of the same kind as WeasyPrint's documentation shows it: one string with the style in it, nothing kept."""
    style = (ASSETS / "invoice.css").read_text()
    whole = html.replace("</head>", f"<style>{style}</style></head>")
    pdf: bytes = HTML(string=whole, base_url=f"{ASSETS.as_uri()}/").write_pdf(
        pdf_variant=PDF_VARIANT, pdf_identifier=identifier
    )
    return pdf


def _times(lines: int, times: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Seconds that each of some invoices takes: ours, and the naive ones."""
    order = long_order(lines)
    html, identifier = invoice_html(order), order.id.bytes
    return in_turn(
        lambda: _seconds(lambda: render_pdf(html, identifier)), lambda: _seconds(lambda: naive(html, identifier)), times
    )


def _memory(more: int) -> tuple[int, int]:
    """Bytes of memory after a few invoices, and after some more."""
    order = long_order(_LINES_FOR_MEMORY)
    html, process = invoice_html(order), psutil.Process()
    sizes = []
    for count in (_WARM, more):
        for _ in range(count):
            render_pdf(html, order.id.bytes)
        sizes.append(process.memory_info().rss)
    return sizes[0], sizes[1]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m labs.bench.drawing")
    what = parser.add_subparsers(dest="what", required=True)
    times = what.add_parser("times")
    times.add_argument("lines", type=int)
    times.add_argument("times", type=int)
    what.add_parser("memory").add_argument("more", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _arguments()
    with only_packaged():
        found = _times(arguments.lines, arguments.times) if arguments.what == "times" else _memory(arguments.more)
    print(json.dumps(found))
