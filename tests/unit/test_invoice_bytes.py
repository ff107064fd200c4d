"""The same order has the same invoice, byte for byte."""

import json
import subprocess
import sys

import pytest
from weasyprint import HTML
from weasyprint.html import UA_STYLESHEET

from common import invoice
from common.templates import only_packaged
from localstack.preview.samples import orders
from tooling.paths import ROOT

pytestmark = pytest.mark.slow("common", "localstack/preview", "templates", "requirements")

SCRIPT = """
import hashlib, json, sys
from common.invoice import render_invoice
from common.templates import only_packaged
from localstack.preview.samples import orders
with only_packaged():
    digests = [hashlib.sha256(render_invoice(orders()[name])).hexdigest() for name in sys.argv[1:]]
print(json.dumps(digests))
"""


def _digests(*samples: str) -> list[str]:
    """Digests of invoices rendered one after the other in a new process."""
    command = [sys.executable, "-c", f"import tests.support.environment\n{SCRIPT}", *samples]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    digests: list[str] = json.loads(done.stdout)
    return digests


def test_invoice_bytes_do_not_depend_on_others() -> None:
    """The bytes of an invoice do not depend on invoices rendered before."""
    first, second = _digests("campaign", "scripts", "campaign"), _digests("scripts", "campaign")
    assert first[0] == first[2] == second[1]
    assert first[1] == second[0] != first[0]


def _pseudo_elements(document: HTML) -> set[str | None]:
    """The pseudo-elements of a document's paragraph that the default style has rules for."""
    (paragraph,) = document.wrapper_element.query_all("p")
    (style,) = document._ua_stylesheets()
    return {pseudo_element for _, _, pseudo_element, _ in style.matcher.match(paragraph)}


def test_default_style_has_no_rules_for_notes() -> None:
    """The invoice's default style has no rules for notes and markers, and WeasyPrint keeps its own."""
    html = "<p>text</p>"
    assert _pseudo_elements(invoice.InvoiceHTML(string=html)) == {None}
    assert _pseudo_elements(HTML(string=html)) > {None, "marker", "footnote-call"}
    assert HTML(string=html)._ua_stylesheets() == [UA_STYLESHEET]


def test_invoice_bytes_are_those_of_weasyprints_own_style(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invoice has the same bytes as with all of WeasyPrint's default style, which rendering requests."""
    with only_packaged():
        html = {name: invoice.invoice_html(order) for name, order in orders().items() if name != "200-lines"}
    current = {name: invoice.render_pdf(text) for name, text in html.items()}
    asked = 0

    class AllOfTheStyle(HTML):  # type: ignore[misc]
        def _ua_stylesheets(self, forms: bool | None = None) -> list[object]:
            nonlocal asked
            asked += 1
            return [UA_STYLESHEET]

    monkeypatch.setattr(invoice, "InvoiceHTML", AllOfTheStyle)
    assert {name: invoice.render_pdf(text) for name, text in html.items()} == current
    assert asked == len(html)
