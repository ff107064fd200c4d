"""The fault runs: which call gets which fault, and what the auditor finds."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import parse_obj_as

from labs.chaos.auditor import INTERNAL, PROMISES, Finding, Found, Mail
from labs.chaos.load import Placed
from labs.chaos.run import kill_points
from localstack.faults.calls import Call, Worker, identify
from localstack.faults.control import Journal
from localstack.faults.plan import KILLS, RATES, Decider, Fault, KillPoint, Outage, Plan

ORDER = "0b1f8d9e-5b0e-5c43-8f5e-5d1c7c1b7a52"


def signed(service: str, **more: str) -> dict[str, str]:
    scope = f"Credential=ASIA1/20261124/af-south-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0", **more}


def dynamodb(operation: str, worker: Worker, **request: Any) -> Call:
    headers = signed("dynamodb", **{"X-Amz-Target": f"DynamoDB_20120810.{operation}"})
    return identify("POST", "/", headers, json.dumps(request).encode(), worker)


def test_identify_names_step_and_order() -> None:
    """Calls of one step differ only by the order; a call that names no order belongs to its worker's order."""
    worker = Worker(1, "pdf-creator")
    key = {"PK": {"S": "TENANT#a"}, "SK": {"S": f"ORDER#{ORDER}"}}
    read = dynamodb("GetItem", worker, TableName="orders", Key=key)
    assert (read.service, read.step, read.subject, read.order) == ("dynamodb", "GetItem orders", ORDER, ORDER)
    template = identify("GET", "/templates/invoice/invoice.html", signed("s3"), b"", worker)
    # It names no order, so it belongs to its worker's order.
    assert (template.step, template.order) == ("GetObject templates/invoice/invoice.html", ORDER)
    put = identify("PUT", f"/orders/a/orders/order_{ORDER}.pdf?x-id=PutObject", signed("s3"), b"%PDF", worker)
    assert (put.step, put.subject) == ("PutObject orders/*", ORDER)
    event = urlencode({"Action": "Publish", "Message": json.dumps({"payload": {"orderId": ORDER}})})
    published = identify("POST", "/", signed("sns"), event.encode(), worker)
    assert (published.service, published.step, published.subject) == ("sns", "Publish", ORDER)


def test_identify_separates_counter_and_order() -> None:
    """A read of the counter is another step than a read of an order."""
    worker = Worker(1, "creator-record")
    key = {"PK": {"S": "COUNTER#ORDER"}, "SK": {"S": "YEAR#2026"}}
    assert dynamodb("GetItem", worker, TableName="orders", Key=key).step == "GetItem orders counter"


def test_identify_marks_the_last_mail() -> None:
    """The idempotency record of a mail belongs to the mail that the worker sent last."""
    worker = Worker(1, "internal-notifier")
    raw = base64.b64encode(b"X-Correlation-Id: c-1\r\n\r\nText").decode()
    body = urlencode({"Action": "SendRawEmail", "RawMessage.Data": raw}).encode()
    sent = identify("POST", "/", signed("ses"), body, worker)
    assert (sent.sends_mail, sent.subject, sent.mail) == (True, "c-1", "c-1")
    key = {"id": {"S": f"function.send#{'0' * 32}"}}
    mark = dynamodb("UpdateItem", worker, TableName="bbws-order-idempotency-local", Key=key)
    assert (mark.records_mail, mark.mail) == (True, "c-1")


def test_identify_without_signature_or_worker() -> None:
    """A call without a signature goes to the Cart service, a call without a worker to the API."""
    cart = identify("GET", "/v1.0/carts/cart-1", {}, b"", Worker(1, "creator-record"))
    assert (cart.service, cart.step, cart.subject) == ("cart", "GET carts", "/v1.0/carts/cart-1")
    api = identify("POST", "/v1.0/orders", {"Authorization": "Bearer x", "Idempotency-Key": "k"}, b"", None)
    assert (api.function, api.service, api.subject) == ("customer", "api", "/v1.0/orders k")


def call(function: str = "pdf-creator", service: str = "s3", step: str = "PutObject", order: str = "o-1") -> Call:
    return Call(function, service, step, order, order, None)


def test_seed_gives_the_same_faults() -> None:
    """A seed decides the same faults in whatever order the calls come."""
    calls = [call(order=f"o-{number}") for number in range(5_000)]
    plan = parse_obj_as(Plan, json.loads(json.dumps(asdict(Plan(7, RATES)))))
    there, back, other = Decider(plan), Decider(plan), Decider(Plan(8, RATES))
    forward = {c.subject: there.decide(c) for c in calls}
    assert {c.subject: back.decide(c) for c in reversed(calls)} == forward
    assert {c.subject: other.decide(c) for c in calls} != forward
    assert set(forward.values()) == {None, *RATES} - {Fault.REPEAT}


def test_kill_point_is_used_once() -> None:
    """Each kill point is used once, and each order is killed once."""
    points = tuple(KillPoint("pdf-creator", "PutObject", fault) for fault in (Fault.KILL_BEFORE, Fault.KILL_AFTER))
    decider = Decider(Plan(kills=points))
    assert decider.decide(call(function="creator-record")) is None
    assert decider.decide(call()) is Fault.KILL_BEFORE
    assert decider.decide(call()) is None
    assert decider.decide(call(order="o-2")) is Fault.KILL_AFTER
    assert not decider.kills_left
    assert decider.decide(call(order="o-3")) is None


STEPS = [
    ("customer", "api", "POST /v1.0/orders"),
    ("create-order", "sqs", "SendMessage"),
    ("creator-record", "dynamodb", "TransactWriteItems"),
    ("customer-notifier", "s3", "GetObject templates/mail/layout.html"),
]


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        (False, ["SendMessage", "TransactWriteItems", "GetObject templates/mail/layout.html"]),
        (True, ["TransactWriteItems"]),
    ],
)
def test_kill_points_are_before_and_after_each_call(batches: bool, expected: list[str]) -> None:
    """Each call of a function is killed before and after it; in batches only those that a batch shares."""
    points = kill_points(STEPS, batches)
    assert [point.step for point in points] == [step for step in expected for _ in KILLS]
    assert [point.fault for point in points] == list(KILLS) * len(expected)


def test_outage_fails_the_first_calls() -> None:
    """An outage fails the first calls of each order, of its service only."""
    decider = Decider(Plan(outages=(Outage("s3", Fault.ERROR, 2, "pdf-creator"),)))
    for order in ("o-1", "o-2"):
        assert [decider.decide(call(order=order)) for _ in range(3)] == [Fault.ERROR, Fault.ERROR, None]
    assert decider.decide(call(service="sns")) is None


def test_unrecorded_lists_mails_with_a_lost_mark() -> None:
    """A mail may be sent twice only if its mark was lost."""

    def entry(service: str, fault: Fault, records_mail: bool = False) -> dict[str, Any]:
        return {
            "function": "f",
            "service": service,
            "fault": fault,
            "records_mail": records_mail,
            "mail": f"{service} {fault}",
        }

    faults = [entry("ses", fault) for fault in Fault] + [entry("dynamodb", fault, True) for fault in Fault]
    assert {mail for _, mail in Journal(faults, [], [], 0).unrecorded()} == {
        "ses stall after",
        "ses cut after",
        "ses kill after",
        "dynamodb kill before",
        "dynamodb frozen",
    }


PLACED = Placed("t", "o-1", "buyer@t.example", ({"quantity": 3, "unitPrice": "33.35"},), "c-1")
RECORD = {
    "id": "o-1",
    "tenantId": "t",
    "customerEmail": "buyer@t.example",
    "status": "PENDING_PAYMENT",
    "orderNumber": "ORD-2026-00001",
    "invoiceKey": "t/orders/order_o-1.pdf",
    # 100.05 and 15.0075 of VAT.
    "total": Decimal("115.06"),
}
INVOICES = {"t/orders/order_o-1.pdf": ["md5"]}
TO_TEAM = Mail(INTERNAL, ())
TO_BUYER = Mail("buyer@t.example", (("ORD-2026-00001.pdf", "md5"),))
FOUND = Found([RECORD], INVOICES, {"c-1": [TO_TEAM, TO_BUYER]})
REJECTED = Placed("t", "o-2", "buyer@t.example", (), "c-2")
REFUSAL: dict[str, Any] = {
    "id": "o-2",
    "tenantId": "t",
    "customerEmail": "buyer@t.example",
    "status": "REJECTED",
    "items": [],
    "total": Decimal(0),
}
WITH_REJECTED = FOUND._replace(
    records=[RECORD, REFUSAL], mails={**FOUND.mails, "c-2": [Mail("buyer@t.example", ())]}, numbers=range(1, 2)
)


def broken(promise: str, placed: list[Placed], found: Found) -> Sequence[str]:
    return Finding.of(promise, PROMISES[promise](placed, found)).broken


def test_audit_of_a_good_run_finds_nothing() -> None:
    """Every promise is checked, and none is broken."""
    found = WITH_REJECTED._replace(messages={"creation": 0})
    findings = [Finding.of(promise, checks([PLACED, REJECTED], found)) for promise, checks in PROMISES.items()]
    assert [(finding.checked > 0, finding.broken) for finding in findings] == [(True, [])] * len(PROMISES)


def test_audit_finds_a_lost_order() -> None:
    """An accepted order without a record, and a record without an accepted order, are findings."""
    recorded = "an accepted order ends recorded or rejected"
    lost = FOUND._replace(records=[], messages={"creation": 0})
    (text,) = broken(recorded, [PLACED], lost)
    assert text == "order o-1 is not in the table; no queue and no DLQ has messages"
    assert broken("recorded once", [], FOUND)


def test_audit_says_where_an_unrecorded_order_may_be() -> None:
    """An order that was only accepted is said to be, with the queues and DLQs that hold messages."""
    messages = {"creation": 0, "creation-dlq": 2, "pdf": 0}
    found = FOUND._replace(records=[], messages=messages, pending={"o-1"})
    (text,) = broken("an accepted order ends recorded or rejected", [PLACED], found)
    assert text == "order o-1 is marked as accepted, and not recorded; messages: 2 in creation-dlq"


def test_audit_finds_a_wrong_outcome() -> None:
    """An order of a good cart is not rejected, and one without a cart is."""
    recorded = "an accepted order ends recorded or rejected"
    assert broken(recorded, [REJECTED._replace(items=PLACED.items)], WITH_REJECTED) == ["order o-2 is REJECTED"]
    assert broken(recorded, [PLACED._replace(items=())], FOUND) == ["order o-1 is PENDING_PAYMENT"]


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"orderNumber": "ORD-2026-00002"}, "a rejected order is not numbered, invoiced or charged"),
        ({"invoiceKey": "t/orders/order_o-2.pdf"}, "a rejected order is not numbered, invoiced or charged"),
        ({"total": Decimal(1)}, "a rejected order is not numbered, invoiced or charged"),
        ({"customerEmail": "buyer@other.example"}, "a tenant sees only its own orders"),
    ],
    ids=["number", "invoice key", "total", "customer"],
)
def test_audit_finds_a_charged_rejection(change: dict[str, Any], promise: str) -> None:
    """A rejected order has no number, invoice or price."""
    assert broken(promise, [REJECTED], WITH_REJECTED._replace(records=[{**REFUSAL, **change}]))


def test_audit_finds_the_invoice_of_a_rejected_order() -> None:
    """A rejected order has no invoice, even if it does not name it."""
    found = WITH_REJECTED._replace(invoices={**INVOICES, "t/orders/order_o-2.pdf": ["md5"]})
    assert broken("a rejected order is not numbered, invoiced or charged", [PLACED, REJECTED], found)
    assert broken("invoiced once", [PLACED, REJECTED], found)


def test_audit_finds_a_mail_to_the_team_about_a_rejected_order() -> None:
    """Only the customer gets a mail about a rejected order."""
    found = WITH_REJECTED._replace(mails={"c-2": [TO_TEAM, Mail("buyer@t.example", ())]})
    assert broken("a tenant sees only its own orders", [REJECTED], found)


@pytest.mark.parametrize("versions", [[], ["md5", "md5"]], ids=["none", "two"])
def test_audit_finds_a_missing_or_second_invoice(versions: list[str]) -> None:
    """An order has one invoice in one version."""
    assert broken("invoiced once", [PLACED], FOUND._replace(invoices={"t/orders/order_o-1.pdf": versions}))


def test_audit_finds_an_invoice_without_an_order() -> None:
    """There are not more invoices than orders."""
    assert broken("invoiced once", [PLACED], FOUND._replace(invoices={**INVOICES, "t/orders/order_o-2.pdf": ["md5"]}))


def test_audit_finds_a_second_mail() -> None:
    """A mail may be sent twice only if its mark was lost; a missing mail is always a finding."""
    doubled = FOUND._replace(mails={"c-1": [TO_TEAM, TO_TEAM, TO_BUYER]})
    assert broken("each mail at least once, twice only if its mark was lost", [PLACED], doubled) == [
        "mail c-1 to orders@kimmyai.io arrived 2 times"
    ]
    assert (
        broken(
            "each mail at least once, twice only if its mark was lost",
            [PLACED],
            doubled._replace(duplicates={(INTERNAL, "c-1")}),
        )
        == []
    )
    missing = FOUND._replace(mails={"c-1": [TO_BUYER]}, duplicates={(INTERNAL, "c-1")})
    assert broken("each mail at least once, twice only if its mark was lost", [PLACED], missing)


@pytest.mark.parametrize(
    "mail",
    [
        Mail("buyer@other.example", TO_BUYER.attachments),
        Mail("buyer@t.example", (("ORD-2026-00001.pdf", "another"),)),
        Mail("buyer@t.example", (("ORD-2026-00002.pdf", "md5"),)),
    ],
)
def test_audit_finds_a_mail_of_another_tenant(mail: Mail) -> None:
    """A mail goes to the customer who placed the order, with that order's invoice."""
    assert broken("a tenant sees only its own orders", [PLACED], FOUND._replace(mails={"c-1": [mail]}))


def test_audit_finds_a_record_of_another_customer() -> None:
    """A record names the customer who placed the order."""
    foreign = FOUND._replace(records=[{**RECORD, "customerEmail": "buyer@other.example"}])
    assert broken("a tenant sees only its own orders", [PLACED], foreign)


def test_audit_finds_a_price_that_is_not_the_carts() -> None:
    """A total is that of the cart, with VAT rounded half up."""
    assert broken(
        "prices come only from the Cart service",
        [PLACED],
        FOUND._replace(records=[{**RECORD, "total": Decimal("115.05")}]),
    )


def test_audit_finds_a_gap_and_a_duplicate_number() -> None:
    """Each number that the counter gave is one order's, and no order has another."""
    numbered = "numbered once, without gaps"
    assert broken(numbered, [PLACED], FOUND._replace(numbers=range(1, 3))) == ["0 orders have number 2"]
    assert broken(numbered, [PLACED], FOUND) == ["numbers that the counter has not given: [1]"]


def test_audit_finds_messages_that_are_left() -> None:
    """No queue and no DLQ has a message at the end."""
    left = FOUND._replace(messages={"pdf": 0, "pdf-dlq": 2})
    assert broken("queues and DLQs empty", [PLACED], left) == ["pdf-dlq has 2 messages"]
