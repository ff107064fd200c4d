"""Renders the tax invoice of an order as PDF. The only module that imports WeasyPrint."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from common.lazy_imports import load_on_first_use
from common.order import Order
from common.templates import PACKAGED, render

# WeasyPrint reads it at import; Lambda has neither fonts nor a font configuration.
os.environ["FONTCONFIG_FILE"] = str(PACKAGED / "invoice" / "fonts.conf")

# WeasyPrint imports these for images, variable fonts and web fonts, which an invoice does not have, and for subsets of
# fonts where HarfBuzz cannot make them.
load_on_first_use("fontTools.subset", "fontTools.ttLib.woff2", "PIL.EpsImagePlugin", "PIL.ImageFile", "PIL.ImageOps")

from weasyprint import CSS, HTML  # noqa: E402
from weasyprint.html import UA_STYLESHEET  # noqa: E402
from weasyprint.text.fonts import FontConfiguration  # noqa: E402
from weasyprint.urls import URLFetcher  # noqa: E402

ASSETS = PACKAGED / "invoice"
PDF_VARIANT = "pdf/ua-1"


class AssetFetcher(URLFetcher):  # type: ignore[misc]
    """Fetches the invoice's own assets and refuses every other URL, so that no text of an order can load one."""

    def fetch(self, url: str, headers: Any = None) -> Any:
        """Fetch the asset of a file URL; ValueError if the URL is not a file of the invoice's assets."""
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(ASSETS):
            raise ValueError("an invoice loads its own assets only")
        return super().fetch(url, headers)


def invoice_key(tenant_id: str, order_id: UUID) -> str:
    """The key of an order's invoice in the orders bucket."""
    return f"{tenant_id}/orders/order_{order_id}.pdf"


@cache
def _default_style() -> CSS:
    """WeasyPrint's own stylesheet without the rules that give every element a style for notes and list markers."""
    style = copy(UA_STYLESHEET)
    style.matcher = copy(style.matcher)
    # Selectors without the name of an element: test, specificity, order, pseudo-element, declarations.
    style.matcher.other_selectors = [selector for selector in style.matcher.other_selectors if selector[3] is None]
    return style


class InvoiceHTML(HTML):  # type: ignore[misc]
    """HTML without footnotes and notes, for which WeasyPrint would compute six more styles for each element.

    An HTML template with `float: footnote` or `float: note` raises TypeError.
    """

    def _ua_stylesheets(self, forms: bool | None = None) -> list[CSS]:
        """The default style, where WeasyPrint looks for it; an invoice has no forms."""
        return [_default_style()]


@cache
def _assets() -> tuple[AssetFetcher, FontConfiguration, CSS]:
    """Fetcher, fonts and stylesheet, made once: a fetcher loads certificates, in a sixth of the time of an invoice."""
    fetcher, fonts = AssetFetcher(), FontConfiguration()
    return fetcher, fonts, CSS(ASSETS / "invoice.css", font_config=fonts, url_fetcher=fetcher)


def _set_header_scopes(_document: Any, pdf: Any) -> None:
    """Add the scope of table headers, which WeasyPrint leaves out and PDF/UA-1 requires."""

    def resolve(reference: bytes) -> Any:
        return pdf.objects[int(reference.split()[0])]

    for header in pdf.objects:
        if isinstance(header, dict) and header.get("S") == "/TH":
            section = resolve(resolve(header["P"])["P"])
            header["A"]["Scope"] = "/Column" if section["S"] == "/THead" else "/Row"


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect garbage afterwards: the many objects of an invoice are all in use until it is written."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_no_garbage_collection()
def render_pdf(html: str) -> bytes:
    """Render an invoice's HTML, which links into ASSETS only, as PDF/UA-1: the same bytes for the same HTML.

    Without a file identifier, which PDF/UA-1 does not require: WeasyPrint would write the whole file twice for it.
    """
    fetcher, fonts, css = _assets()
    document = InvoiceHTML(string=html, base_url=ASSETS.as_uri() + "/", url_fetcher=fetcher)
    pdf: bytes = document.write_pdf(
        finisher=_set_header_scopes,
        stylesheets=[css],
        font_config=fonts,
        pdf_variant=PDF_VARIANT,
    )
    return pdf


def invoice_html(order: Order) -> str:
    """The tax invoice of an order as HTML."""
    # To the second, as in the document information dictionary.
    created = f"{order.date_created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return render("invoice/invoice.html", {"order": order, "created": created})


def render_invoice(order: Order) -> bytes:
    """The tax invoice of an order as PDF: the same bytes for the same order."""
    return render_pdf(invoice_html(order))
