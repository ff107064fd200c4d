"""Renders the tax invoice of an order as PDF. The only module that imports WeasyPrint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from common.templates import PACKAGED, render

# WeasyPrint reads it at import; Lambda has neither fonts nor a font configuration.
os.environ["FONTCONFIG_FILE"] = str(PACKAGED / "invoice" / "fonts.conf")

from weasyprint import CSS, HTML
from weasyprint.css import ColorProfile
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from common.order import Order

ASSETS = PACKAGED / "invoice"
PDF_VARIANT = "pdf/a-2a"
# WeasyPrint declares either PDF/A or PDF/UA. This declares PDF/UA as well, with the description that PDF/A requires for
# properties that it does not define (ISO 19005-2, 6.6.2.3.3; ISO 14289-1, 5).
_PDF_UA = (ASSETS / "pdf_ua.xml").read_bytes()


@dataclass(frozen=True)
class Supplier:
    """The issuer of the invoice, with what section 20(4) of the VAT Act, 1991, requires."""

    name: str
    address: tuple[str, ...]
    vat_number: str


SUPPLIER = Supplier(
    name="KimmyAI (Pty) Ltd",
    address=("5th Floor, 44 Bree Street", "Cape Town", "Western Cape", "8001, South Africa"),
    vat_number="4123456789",
)


class AssetFetcher(URLFetcher):  # type: ignore[misc]
    """Fetches the invoice's own assets and refuses every other URL, so that no text of an order can load one."""

    def fetch(self, url: str, headers: Any = None) -> Any:
        """Fetch the asset of a file URL.

        Raises:
            ValueError: the URL is not a file of the invoice's assets.
        """
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(ASSETS):
            raise ValueError("an invoice loads its own assets only")
        return super().fetch(url, headers)


def invoice_key(tenant_id: str, order_id: UUID) -> str:
    """The key of an order's invoice in the orders bucket."""
    return f"{tenant_id}/orders/order_{order_id}.pdf"


@cache
def _fetcher() -> AssetFetcher:
    """The fetcher of this process. Creating one loads the machine's certificates: a sixth of the time of an invoice."""
    return AssetFetcher()


def _colours() -> ColorProfile:
    """The colour profile that PDF/A requires: WeasyPrint's own, as bytes because WeasyPrint leaves the file open.

    Created for each invoice: the second PDF written with the same object has different bytes.
    """
    profile = files("weasyprint.pdf") / "sRGB2014.icc"
    return ColorProfile(BytesIO(profile.read_bytes()), profile.name, "relative-colorimetric", (["r"], ["g"], ["b"]))


@cache
def _style() -> tuple[CSS, FontConfiguration]:
    """The stylesheet and its fonts, parsed once for each process."""
    fonts = FontConfiguration()
    return CSS(ASSETS / "invoice.css", font_config=fonts, url_fetcher=_fetcher()), fonts


def _finish(_document: Any, pdf: Any) -> None:
    """Add what WeasyPrint leaves out: PDF/UA-1 in the metadata, and the scope of table headers."""

    def resolve(reference: bytes) -> Any:
        return pdf.objects[int(reference.split()[0])]

    metadata = resolve(pdf.catalog["Metadata"])
    metadata.stream = [part.replace(b"</rdf:RDF>", _PDF_UA + b"</rdf:RDF>") for part in metadata.stream]
    for header in pdf.objects:
        if isinstance(header, dict) and header.get("S") == "/TH":
            section = resolve(resolve(header["P"])["P"])
            header["A"]["Scope"] = "/Column" if section["S"] == "/THead" else "/Row"


def render_pdf(html: str, identifier: bytes) -> bytes:
    """Render an invoice's HTML as PDF/A-2a and PDF/UA-1: the same bytes for the same HTML and identifier.

    Args:
        html: a whole document, with links into ASSETS only.
        identifier: the file identifier of the PDF.
    """
    css, fonts = _style()
    document = HTML(string=html, base_url=ASSETS.as_uri() + "/", url_fetcher=_fetcher())
    pdf: bytes = document.write_pdf(
        finisher=_finish,
        stylesheets=[css],
        font_config=fonts,
        color_profiles={"sRGB": _colours()},
        output_intent="sRGB",
        pdf_variant=PDF_VARIANT,
        pdf_identifier=identifier,
    )
    return pdf


def invoice_html(order: Order) -> str:
    """The tax invoice of an order as HTML."""
    # To the second, as in the document information dictionary.
    created = f"{order.date_created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return render("invoice/invoice.html", {"order": order, "supplier": SUPPLIER, "created": created})


def render_invoice(order: Order) -> bytes:
    """The tax invoice of an order as PDF: the same bytes for the same order."""
    return render_pdf(invoice_html(order), order.id.bytes)
