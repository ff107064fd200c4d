"""The fault suite's own judgement: which call gets which fault, and what the auditor calls broken."""

import base64
import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from labs.chaos import auditor
from labs.chaos.auditor import INTERNAL, Mail
from labs.chaos.load import Placed
from localstack.faults.calls import Call, Worker, identify
from localstack.faults.control import Journal
from localstack.faults.plan import RATES, Decider, Fault, KillPoint, Outage, Plan

ORDER = "0b1f8d9e-5b0e-5c43-8f5e-5d1c7c1b7a52"


def signed(service: str, **more: str) -> dict[str, str]:
    scope = f"Credential=ASIA1/20261124/af-south-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0", **more}


def dynamodb(operation: str, worker: Worker, **request: Any) -> Call:
    headers = signed("dynamodb", **{"X-Amz-Target": f"DynamoDB_20120810.{operation}"})
    return identify("POST", "/", headers, json.dumps(request).encode(), worker)


class TestCalls:
    def test_calls_of_one_step_differ_by_the_order_only(self) -> None:
        worker = Worker(1, "pdf-creator")
        key = {"PK": {"S": "TENANT#a"}, "SK": {"S": f"ORDER#{ORDER}"}}
        read = dynamodb("GetItem", worker, TableName="orders", Key=key)
        assert (read.service, read.step, read.subject, read.order) == ("dynamodb", "GetItem orders", ORDER, ORDER)
        template = identify("GET", "/templates/invoice/invoice.html", signed("s3"), b"", worker)
        # A call that names no order is of the order that its worker is at.
        assert (template.step, template.order) == ("GetObject templates/invoice/invoice.html", ORDER)
        put = identify("PUT", f"/orders/a/orders/order_{ORDER}.pdf?x-id=PutObject", signed("s3"), b"%PDF", worker)
        assert (put.step, put.subject) == ("PutObject orders/*", ORDER)
        event = urlencode({"Action": "Publish", "Message": json.dumps({"payload": {"orderId": ORDER}})})
        published = identify("POST", "/", signed("sns"), event.encode(), worker)
        assert (published.service, published.step, published.subject) == ("sns", "Publish", ORDER)

    def test_the_counter_and_an_order_are_two_steps(self) -> None:
        worker = Worker(1, "creator-record")
        key = {"PK": {"S": "COUNTER#ORDER"}, "SK": {"S": "YEAR#2026"}}
        assert dynamodb("GetItem", worker, TableName="orders", Key=key).step == "GetItem orders counter"

    def test_a_note_belongs_to_the_mail_that_was_sent_last(self) -> None:
        worker = Worker(1, "internal-notifier")
        raw = base64.b64encode(b"X-Correlation-Id: c-1\r\n\r\nText").decode()
        body = urlencode({"Action": "SendRawEmail", "RawMessage.Data": raw}).encode()
        sent = identify("POST", "/", signed("ses"), body, worker)
        assert (sent.sends_mail, sent.subject, sent.mail) == (True, "c-1", "c-1")
        key = {"id": {"S": f"function.send#{'0' * 32}"}}
        note = dynamodb("UpdateItem", worker, TableName="bbws-order-idempotency-local", Key=key)
        assert (note.notes_mail, note.mail) == (True, "c-1")

    def test_what_is_not_signed_is_for_the_cart_service_and_what_no_worker_sends_for_the_api(self) -> None:
        cart = identify("GET", "/v1.0/carts/cart-1", {}, b"", Worker(1, "creator-record"))
        assert (cart.service, cart.step, cart.subject) == ("cart", "GET carts", "/v1.0/carts/cart-1")
        api = identify("POST", "/v1.0/orders", {"Authorization": "Bearer x", "Idempotency-Key": "k"}, b"", None)
        assert (api.function, api.service, api.subject) == ("customer", "api", "/v1.0/orders k")


def call(function: str = "pdf-creator", service: str = "s3", step: str = "PutObject", order: str = "o-1") -> Call:
    return Call(function, service, step, order, order, None)


class TestFaults:
    def test_a_seed_gives_the_same_faults_whatever_the_order_of_the_calls(self) -> None:
        calls = [call(order=f"o-{number}") for number in range(5_000)]
        plan = Plan.decode(json.loads(json.dumps(Plan(7, RATES).encode())))
        there, back, other = Decider(plan), Decider(plan), Decider(Plan(8, RATES))
        forward = {c.subject: there.decide(c) for c in calls}
        assert {c.subject: back.decide(c) for c in reversed(calls)} == forward
        assert {c.subject: other.decide(c) for c in calls} != forward
        assert set(forward.values()) == {None, *RATES} - {Fault.REPEAT}

    def test_each_kill_point_is_used_once_and_each_order_killed_once(self) -> None:
        points = tuple(KillPoint("pdf-creator", "PutObject", fault) for fault in (Fault.KILL_BEFORE, Fault.KILL_AFTER))
        decider = Decider(Plan(kills=points))
        assert decider.decide(call(function="creator-record")) is None
        assert decider.decide(call()) is Fault.KILL_BEFORE
        assert decider.decide(call()) is None
        assert decider.decide(call(order="o-2")) is Fault.KILL_AFTER
        assert not decider.kills_left
        assert decider.decide(call(order="o-3")) is None

    def test_an_outage_fails_the_first_calls_of_each_order(self) -> None:
        decider = Decider(Plan(outages=(Outage("s3", Fault.ERROR, 2, "pdf-creator"),)))
        for order in ("o-1", "o-2"):
            assert [decider.decide(call(order=order)) for _ in range(3)] == [Fault.ERROR, Fault.ERROR, None]
        assert decider.decide(call(service="sns")) is None

    def test_a_mail_may_come_twice_only_where_its_note_was_lost(self) -> None:
        def entry(service: str, fault: Fault, notes: bool = False) -> dict[str, Any]:
            return {
                "function": "f",
                "service": service,
                "fault": fault,
                "notes_mail": notes,
                "mail": f"{service} {fault}",
            }

        faults = [entry("ses", fault) for fault in Fault] + [entry("dynamodb", fault, True) for fault in Fault]
        assert {mail for _, mail in Journal(faults, [], [], 0).unnoted()} == {
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
    "orderNumber": "ORD-2026-00001",
    "invoiceKey": "t/orders/order_o-1.pdf",
    # 100.05 and 15.0075 of VAT.
    "total": Decimal("115.06"),
}
INVOICES = {"t": {"t/orders/order_o-1.pdf": ["md5"]}}
TO_TEAM = Mail(INTERNAL, "New order", ())
TO_BUYER = Mail("buyer@t.example", "Your order", (("ORD-2026-00001.pdf", "md5"),))


class TestAuditor:
    def test_nothing_is_broken_where_all_is_well(self) -> None:
        records, mails = {"t": [RECORD]}, {"c-1": [TO_TEAM, TO_BUYER]}
        findings = [
            auditor.kept([PLACED], records),
            auditor.recorded_once([PLACED], records),
            auditor.invoiced([PLACED], records, INVOICES),
            auditor.mailed([PLACED], mails, ()),
            auditor.own([PLACED], records, INVOICES, mails),
            auditor.priced([PLACED], records),
        ]
        assert [(finding.checked > 0, finding.broken) for finding in findings] == [(True, [])] * 6

    def test_a_lost_order_and_one_that_nobody_placed_are_seen(self) -> None:
        assert auditor.kept([PLACED], {"t": []}).broken == ["order o-1 is not in the table"]
        assert auditor.recorded_once([], {"t": [RECORD]}).broken

    @pytest.mark.parametrize("versions", [[], ["md5", "md5"]], ids=["none", "two"])
    def test_an_invoice_too_few_or_too_many_is_seen(self, versions: list[str]) -> None:
        invoices = {"t": {"t/orders/order_o-1.pdf": versions}}
        assert auditor.invoiced([PLACED], {"t": [RECORD]}, invoices).broken

    def test_a_second_mail_is_seen_unless_its_note_was_lost_and_a_missing_one_always(self) -> None:
        doubled = {"c-1": [TO_TEAM, TO_TEAM, TO_BUYER]}
        assert auditor.mailed([PLACED], doubled, ()).broken == ["mail c-1 to orders@kimmyai.io came 2 times"]
        assert auditor.mailed([PLACED], doubled, {(INTERNAL, "c-1")}).broken == []
        assert auditor.mailed([PLACED], {"c-1": [TO_BUYER]}, {(INTERNAL, "c-1")}).broken

    def test_what_went_to_another_tenant_is_seen(self) -> None:
        records = {"t": [RECORD]}
        for mail in (
            Mail("buyer@other.example", "Your order", TO_BUYER.attachments),
            Mail("buyer@t.example", "Your order", (("ORD-2026-00001.pdf", "another"),)),
            Mail("buyer@t.example", "Your order", (("ORD-2026-00002.pdf", "md5"),)),
        ):
            assert auditor.own([PLACED], records, INVOICES, {"c-1": [mail]}).broken
        foreign = {"t": [{**RECORD, "customerEmail": "buyer@other.example"}]}
        assert auditor.own([PLACED], foreign, INVOICES, {}).broken

    def test_a_price_that_is_not_the_carts_is_seen(self) -> None:
        assert auditor.priced([PLACED], {"t": [{**RECORD, "total": Decimal("115.05")}]}).broken
