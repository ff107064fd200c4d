"""The tax invoice of an order as a PDF (R7). The only module that imports WeasyPrint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from common.templates import PACKAGED, render

# Before WeasyPrint's import, which asks for it: Lambda has neither fonts nor a configuration of them.
os.environ["FONTCONFIG_FILE"] = str(PACKAGED / "invoice" / "fonts.conf")

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from common.models import Order, iso

ASSETS = PACKAGED / "invoice"


@dataclass(frozen=True)
class Supplier:
    """Who issues the invoice, as section 20(4) of the VAT Act, 1991, wants it named."""

    name: str
    address: tuple[str, ...]
    vat_number: str


SUPPLIER = Supplier(
    name="KimmyAI (Pty) Ltd",
    address=("5th Floor, 44 Bree Street", "Cape Town", "Western Cape", "8001, South Africa"),
    vat_number="4123456789",
)


class AssetFetcher(URLFetcher):  # type: ignore[misc]
    """Fetches the invoice's own assets and refuses every other URL, so that no text of an order can name one."""

    def fetch(self, url: str, headers: Any = None) -> Any:
        """The asset of a file URL.

        Raises:
            ValueError: it is not a file of the invoice's assets.
        """
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(ASSETS):
            raise ValueError("an invoice loads its own assets only")
        return super().fetch(url, headers)


def invoice_key(tenant_id: str, order_id: UUID) -> str:
    """Where an order's invoice is in the orders bucket (R6)."""
    return f"{tenant_id}/orders/order_{order_id}.pdf"


@cache
def _style() -> tuple[CSS, FontConfiguration]:
    """The stylesheet and its fonts, parsed once for all invoices of a process."""
    fonts = FontConfiguration()
    return CSS(ASSETS / "invoice.css", font_config=fonts, url_fetcher=AssetFetcher()), fonts


def draw(html: str, identifier: bytes) -> bytes:
    """An invoice's HTML as PDF/UA-1: the same bytes for the same text and identifier.

    Args:
        html: a whole document; what it links to is below ASSETS.
        identifier: of the PDF.
    """
    css, fonts = _style()
    document = HTML(string=html, base_url=ASSETS.as_uri() + "/", url_fetcher=AssetFetcher())
    pdf: bytes = document.write_pdf(
        stylesheets=[css], font_config=fonts, pdf_variant="pdf/ua-1", pdf_identifier=identifier
    )
    return pdf


def render_invoice(order: Order) -> bytes:
    """The tax invoice of an order: the same bytes for the same order."""
    html = render("invoice/invoice.html", {"order": order, "supplier": SUPPLIER, "created": iso(order.date_created)})
    return draw(html, order.id.bytes)
