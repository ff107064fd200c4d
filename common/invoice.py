"""The tax invoice of an order as a PDF (R7). The only module that imports WeasyPrint."""

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

# Before WeasyPrint's import, which asks for it: Lambda has neither fonts nor a configuration of them.
os.environ["FONTCONFIG_FILE"] = str(PACKAGED / "invoice" / "fonts.conf")

from weasyprint import CSS, HTML
from weasyprint.css import ColorProfile
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from common.order import Order

ASSETS = PACKAGED / "invoice"
PDF_VARIANT = "pdf/a-2a"
# WeasyPrint writes that a PDF is PDF/A or that it is PDF/UA; this says the latter too, and describes the property as
# PDF/A wants those described that it does not know (ISO 19005-2, 6.6.2.3.3; ISO 14289-1, 5).
_ALSO_PDF_UA = (
    b'<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" pdfuaid:part="1"/>'
    b'<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
    b' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">'
    b'<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">'
    b"<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>"
    b"<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
    b"<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>"
    b'<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">'
    b"<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>"
    b"<pdfaProperty:category>internal</pdfaProperty:category>"
    b"<pdfaProperty:description>Part of ISO 14289 to which the file conforms</pdfaProperty:description>"
    b"</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description></rdf:RDF>"
)


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
def _fetcher() -> AssetFetcher:
    """The one fetcher of a process: each is made with the machine's certificates, which takes a sixth of an invoice."""
    return AssetFetcher()


def _colours() -> ColorProfile:
    """What red, green and blue are, as PDF/A wants it said: WeasyPrint's own profile, which it would leave open.

    Made anew for each invoice: one whose name has been read is written in other bytes than before.
    """
    profile = files("weasyprint.pdf") / "sRGB2014.icc"
    return ColorProfile(BytesIO(profile.read_bytes()), profile.name, "relative-colorimetric", (["r"], ["g"], ["b"]))


@cache
def _style() -> tuple[CSS, FontConfiguration]:
    """The stylesheet and its fonts, parsed once for all invoices of a process."""
    fonts = FontConfiguration()
    return CSS(ASSETS / "invoice.css", font_config=fonts, url_fetcher=_fetcher()), fonts


def _finish(_document: Any, pdf: Any) -> None:
    """What WeasyPrint leaves out: PDF/UA-1 beside PDF/A in the metadata, and what the headers of tables head."""

    def named(reference: bytes) -> Any:
        return pdf.objects[int(reference.split()[0])]

    metadata = named(pdf.catalog["Metadata"])
    metadata.stream = [part.replace(b"</rdf:RDF>", _ALSO_PDF_UA) for part in metadata.stream]
    for header in pdf.objects:
        if isinstance(header, dict) and header.get("S") == "/TH":
            above = named(named(header["P"])["P"])
            header["A"]["Scope"] = "/Column" if above["S"] == "/THead" else "/Row"


def render_pdf(html: str, identifier: bytes) -> bytes:
    """An invoice's HTML as PDF/A-2a and PDF/UA-1: the same bytes for the same text and identifier.

    Args:
        html: a whole document; what it links to is below ASSETS.
        identifier: of the PDF.
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
    """The tax invoice of an order as the HTML that is drawn."""
    # To the second, as the document information dictionary has it too.
    created = f"{order.date_created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return render("invoice/invoice.html", {"order": order, "supplier": SUPPLIER, "created": created})


def render_invoice(order: Order) -> bytes:
    """The tax invoice of an order: the same bytes for the same order."""
    return render_pdf(invoice_html(order), order.id.bytes)
