"""An order from the request to its invoice and mails."""

import io
import json
import re
import time
from decimal import Decimal
from email.message import EmailMessage
from typing import Any, Literal, cast
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader
from pypdf.generic import DecodedStreamObject

from e2e.expected import rand, single_spaced, totals
from e2e.tenant import DEADLINE_SECONDS, Tenant
from labs.customers import ITEMS
from tests.support.evidence_plugin import Recorder
from tooling.polling import poll


def invoice_text(pdf: bytes) -> str:
    """The text of an invoice."""
    return single_spaced(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def mail_text(mail: EmailMessage, kind: Literal["plain", "html"]) -> str:
    """The plain text or the HTML of a mail."""
    part = mail.get_body((kind,))
    assert part is not None
    return single_spaced(part.get_content())


def test_order_is_recorded_and_invoiced(tenant: Tenant) -> None:
    """An order is priced to the cent, recorded and invoiced: its totals, items and address are on the invoice."""
    items: list[dict[str, Any]] = [
        {"productId": "p-1", "name": "Rooibos & honey", "quantity": 3, "unitPrice": "54.99"},
        {"productId": "p-2", "name": "Mug “Karoo”, groß", "quantity": 7, "unitPrice": "0.05"},
        {"productId": "p-3", "name": "Braai", "quantity": 2, "unitPrice": "12345.67"},
    ]
    order = tenant.invoiced(tenant.place(cartId=tenant.put_cart(items), campaignCode="SPRING10"))

    expected = totals(items, percent=10)
    assert {name: order[name] for name in expected} == expected
    assert [(i["name"], i["quantity"], i["unitPrice"]) for i in order["items"]] == [
        (i["name"], i["quantity"], i["unitPrice"]) for i in items
    ]
    assert re.fullmatch(r"ORD-\d{4}-\d{5,}", order["orderNumber"])
    assert order["status"] == "PENDING_PAYMENT"
    assert order["currency"] == "ZAR"
    assert order["tenantId"] == tenant.id
    assert order["customerEmail"] == tenant.email
    assert order["campaign"]["code"] == "SPRING10"
    assert order["active"] is True
    assert order["invoiceKey"] == f"{tenant.id}/orders/order_{order['id']}.pdf"

    text = invoice_text(tenant.invoice(order))
    assert "Tax Invoice" in text
    assert order["orderNumber"] in text
    assert "VAT number" in text
    assert "12 Long Street" in text
    # The invoice breaks a long mail address over two lines.
    assert tenant.email in text.replace(" ", "")
    for item in items:
        line = Decimal(item["unitPrice"]) * item["quantity"]
        assert f"{item['name']} {item['quantity']} {rand(item['unitPrice'])} {rand(f'{line:.2f}')}" in text
    for amount in expected.values():
        assert rand(amount) in text


def test_long_invoice_has_a_header_on_each_page(tenant: Tenant) -> None:
    """A long invoice numbers its pages, repeats the table's header on each, and is readable by a screen reader."""
    items = [
        {"productId": f"p-{n}", "name": f"Product {n}", "quantity": 1, "unitPrice": "10.00"} for n in range(1, 121)
    ]
    order = tenant.invoiced(tenant.place(cartId=tenant.put_cart(items)))
    reader = PdfReader(io.BytesIO(tenant.invoice(order)))
    pages = [single_spaced(page.extract_text()) for page in reader.pages]
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
    for page in pages[:-1]:
        assert "Description Quantity Unit price Amount" in page
    assert all(f"Product {n} 1 " in " ".join(pages) for n in range(1, 121))
    assert reader.root_object.get("/MarkInfo") == {"/Marked": True}
    metadata = cast("DecodedStreamObject", reader.root_object["/Metadata"].get_object())
    description = ElementTree.fromstring(metadata.get_data()).iter()  # noqa: S314
    assert "1" in {element.get("{http://www.aiim.org/pdfua/ns/id/}part") for element in description}


@pytest.mark.sidecars
def test_order_is_mailed_to_customer_and_team(tenant: Tenant, evidence: Recorder) -> None:
    """The customer gets one mail with the invoice attached, and the internal team gets one mail."""
    correlation_id = f"e2e-{uuid4()}"
    order = tenant.invoiced(tenant.place(correlation_id))
    mails = tenant.mails(correlation_id, 2)
    assert len(mails) == 2
    to_customer = next(mail for mail in mails if mail["To"] == tenant.email)
    to_team = next(mail for mail in mails if mail["To"] != tenant.email)
    evidence.save_exhibit("order.json", json.dumps(order).encode())
    evidence.save_exhibit("invoice.pdf", tenant.invoice(order))
    evidence.save_exhibit("confirmation.eml", to_customer.as_bytes())
    evidence.save_exhibit("internal.eml", to_team.as_bytes())

    for mail in mails:
        assert mail["From"] == "noreply@kimmyai.io"
        assert mail["Reply-To"] == "support@kimmyai.io"
        for amount in totals(ITEMS).values():
            if amount != "0.00":
                assert rand(amount) in mail_text(mail, "plain")
                assert rand(amount) in mail_text(mail, "html")
    assert order["orderNumber"] in to_customer["Subject"]
    assert to_team["To"] == "orders@kimmyai.io"
    assert tenant.id in to_team["Subject"]
    assert not list(to_team.iter_attachments())

    (attachment,) = to_customer.iter_attachments()
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_filename() == f"{order['orderNumber']}.pdf"
    assert attachment.get_content() == tenant.invoice(order)


@pytest.mark.sidecars
def test_status_change_is_mailed_to_customer(tenant: Tenant, evidence: Recorder) -> None:
    """The customer gets one mail about each new status of the order."""
    order = tenant.ordered()
    details = {"method": "EFT", "transactionId": "tx-1", "paidAt": "2026-11-24T10:00:00Z"}
    headlines = {
        "PAID": "We've received your payment",
        "PROCESSING": "We're working on your order",
        "COMPLETED": "Your order is complete",
        "REFUNDED": "We've refunded your order",
    }
    for status, headline in headlines.items():
        correlation_id = f"e2e-{uuid4()}"
        change = {"status": status, **({"paymentDetails": details} if status == "PAID" else {})}
        response = tenant.change(order["id"], change, **{"X-Correlation-Id": correlation_id})
        assert response.status_code == 200, response.text
        (mail,) = tenant.mails(correlation_id, 1)
        assert mail["To"] == tenant.email
        assert mail["Subject"] == f"Order {order['orderNumber']}: {headline}"
        if status == "PAID":
            evidence.save_exhibit("status.eml", mail.as_bytes())


def test_correlation_id_is_in_every_log(tenant: Tenant) -> None:
    """The correlation id of a request is in the logs of every function that handles the order."""
    correlation_id, started = f"e2e-{uuid4()}", int(time.time() * 1000)
    tenant.invoiced(tenant.place(correlation_id))
    names, logs = tenant.platform.outputs["function_names"], tenant.platform.aws.logs
    for function in ("create_order", "order_creator_record", "order_pdf_creator"):

        def logged(function: str = function) -> bool | None:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{names[function]}", startTime=started
            )
            return any(correlation_id in event["message"] for page in pages for event in page["events"]) or None

        assert poll(f"{correlation_id} in the log of {function}", logged, DEADLINE_SECONDS)
