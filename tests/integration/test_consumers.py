"""The four SQS functions on real tables, queues, topics, buckets and mails."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ConnectionClosedError
from pypdf import PdfReader

from common import clients, notifications
from common.errors import PermanentError, TransientError
from common.events import Envelope, OrderCreationRequested, OrderRecorded
from common.models import OrderRequest
from common.observability import logger
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings
from common.status import OrderStatus
from functions.adapters import sqs
from functions.customer_order_confirmation.handler import lambda_handler as customer_order_confirmation
from functions.order_creator_record import service as record_service
from functions.order_creator_record.handler import lambda_handler as order_creator_record
from functions.order_internal_notification.handler import lambda_handler as order_internal_notification
from functions.order_pdf_creator.handler import lambda_handler as order_pdf_creator
from localstack.mails import Mailbox
from localstack.sidecars.cart_stub import CartStub
from tests.integration.conftest import Queue, handle, only_mail
from tests.support import samples
from tests.support.lambda_events import context
from tests.support.records import record, reject
from tests.support.samples import draft, order_request
from tests.support.sdk_events import on
from tooling.polling import poll

pytestmark = pytest.mark.usefixtures("aws")

MUG = {"productId": "p-1", "name": "Mug", "quantity": 1, "unitPrice": "89.00"}


@pytest.fixture
def cart(carts: CartStub) -> Iterator[dict[str, Any]]:
    """A cart with one mug at 89.00, of a tenant that only this test uses."""
    cart_id = f"cart-{uuid4().hex}"
    carts.carts[cart_id] = {
        "cartId": cart_id,
        "tenantId": f"tenant-{uuid4().hex[:8]}",
        "currency": "ZAR",
        "items": [dict(MUG)],
    }
    yield carts.carts[cart_id]
    del carts.carts[cart_id]


def requested(cart: dict[str, Any], **changes: Any) -> Envelope:
    """The message that the order of a cart is to be recorded."""
    request = OrderRequest.parse_obj(order_request(cartId=cart["cartId"], **changes))
    payload = OrderCreationRequested(order_id=uuid4(), tenant_id=cart["tenantId"], created_by="user-1", order=request)
    return Envelope.of(payload, "c-1")


@contextmanager
def calls_of(*of: Any) -> Iterator[list[str]]:
    """The names of the calls that clients make."""
    calls: list[str] = []

    def add(model: Any, **_: Any) -> None:
        calls.append(model.name)

    with ExitStack() as counted:
        for client in of:
            counted.enter_context(on(client, "before-call", add))
        yield calls


class TestRecord:
    def test_record_order_is_priced_and_published(
        self, repository: OrderRepository, cart: dict[str, Any], creation_queue: Queue, events_seen: Queue
    ) -> None:
        """An order is priced, recorded and published."""
        message = requested(cart, campaignCode="SPRING10")
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        recorded = repository.get(cart["tenantId"], message.payload.order_id)
        assert recorded is not None
        assert (str(recorded.discount), str(recorded.tax), str(recorded.total)) == ("8.90", "12.02", "92.12")
        assert recorded.date_created == message.timestamp
        event = events_seen.take()
        assert (event["eventType"], event["correlationId"]) == ("OrderRecorded", "c-1")
        assert event["payload"] == {"tenantId": cart["tenantId"], "orderId": str(recorded.id)}

    def test_record_malformed_campaign_costs_the_discount(
        self,
        repository: OrderRepository,
        carts: CartStub,
        cart: dict[str, Any],
        creation_queue: Queue,
    ) -> None:
        """An order is recorded without its malformed campaign, and the log says why with its correlation id."""
        carts.campaigns["BROKEN"] = {**carts.campaigns["SPRING10"], "code": "BROKEN", "discountPercent": 101}
        message = requested(cart, campaignCode="BROKEN")
        with mock.patch.object(logger.registered_handler, "stream", io.StringIO()) as log:
            assert handle(order_creator_record, creation_queue, message.encode()) == []
        recorded = repository.get(cart["tenantId"], message.payload.order_id)
        assert recorded is not None
        assert recorded.campaign is None
        (line,) = [line for line in log.getvalue().splitlines() if "campaign not applied" in line]
        logged = json.loads(line)
        assert (logged["correlation_id"], logged["exists"]) == ("c-1", True)
        assert "BROKEN: discountPercent" in logged["malformed"]
        del carts.campaigns["BROKEN"]

    @pytest.mark.parametrize("size", [1, 10])
    def test_record_batch_needs_three_calls(self, size: int, cart: dict[str, Any], creation_queue: Queue) -> None:
        """However many new orders a batch has, it needs two calls of DynamoDB and one of SNS."""
        bodies = [requested(cart).encode() for _ in range(size)]
        with calls_of(clients.dynamodb(), clients.sns()) as calls:
            assert handle(order_creator_record, creation_queue, *bodies) == []
        assert calls == ["UpdateItem", "TransactWriteItems", "PublishBatch"]

    def test_record_batch_has_each_outcome(
        self,
        repository: OrderRepository,
        carts: CartStub,
        cart: dict[str, Any],
        creation_queue: Queue,
        events_seen: Queue,
    ) -> None:
        """In one batch an order is new, one on record, one twice, one rejected, one waits: no gap in the numbers."""
        waiting = {**cart, "cartId": f"cart-{uuid4().hex}"}
        carts.carts[waiting["cartId"]], carts.outages[waiting["cartId"]] = waiting, {"status": 503, "refused": 0}
        known, new, twice = (requested(cart) for _ in range(3))
        refused = requested({**cart, "cartId": "cart-that-is-not-there"})
        failed = requested(waiting)
        assert handle(order_creator_record, creation_queue, known.encode()) == []
        events_seen.take()
        bodies = [each.encode() for each in (failed, twice, known, refused, new, twice)]
        assert handle(order_creator_record, creation_queue, *bodies) == [failed.encode()]
        orders = [repository.get(cart["tenantId"], each.payload.order_id) for each in (known, twice, new)]
        numbers = [int(str(order and order.order_number).rpartition("-")[2]) for order in orders]
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        rejected = repository.get(cart["tenantId"], refused.payload.order_id)
        assert rejected is not None
        assert rejected.status is OrderStatus.REJECTED
        assert repository.get(cart["tenantId"], failed.payload.order_id) is None
        published = [events_seen.take() for _ in range(5)]
        expected = [str(each.payload.order_id) for each in (twice, known, refused, new, twice)]
        assert sorted(each["payload"]["orderId"] for each in published) == sorted(expected)
        assert sum(each["eventType"] == "OrderRejected" for each in published) == 1
        del carts.carts[waiting["cartId"]], carts.outages[waiting["cartId"]]

    def test_record_event_that_sns_refuses_fails_its_message(
        self, repository: OrderRepository, cart: dict[str, Any], creation_queue: Queue, events_seen: Queue
    ) -> None:
        """If SNS refuses one event of a batch, its message alone fails, and the next delivery publishes it."""
        first, second = requested(cart), requested(cart)

        def refuse_second(parsed: Any, **_: Any) -> None:
            lost = parsed["Successful"].pop()
            parsed["Failed"] = [{"Id": lost["Id"], "Code": "InternalFailure", "SenderFault": False}]

        with on(clients.sns(), "after-call.sns.PublishBatch", refuse_second):
            failed = handle(order_creator_record, creation_queue, first.encode(), second.encode())
        assert failed == [second.encode()]
        assert repository.get(cart["tenantId"], second.payload.order_id)
        assert handle(order_creator_record, creation_queue, second.encode()) == []
        assert {events_seen.take()["payload"]["orderId"] for _ in range(3)} == {
            str(each.payload.order_id) for each in (first, second)
        }

    def test_record_carts_are_read_at_once(self, carts: CartStub, cart: dict[str, Any], creation_queue: Queue) -> None:
        """The carts of a batch are read at the same time, so that the waits for a slow Cart service do not add up."""
        messages = [requested(cart) for _ in range(10)]
        together = threading.Barrier(10, timeout=20)
        read = record_service._carts.cart

        def wait_for_all(*arguments: str) -> Any:
            together.wait()
            return read(*arguments)

        with mock.patch.object(record_service._carts, "cart", wait_for_all):
            assert handle(order_creator_record, creation_queue, *(each.encode() for each in messages)) == []

    @pytest.mark.parametrize("status", [404, 503])
    def test_record_redelivery_keeps_number(
        self,
        status: int,
        repository: OrderRepository,
        carts: CartStub,
        cart: dict[str, Any],
        creation_queue: Queue,
        events_seen: Queue,
    ) -> None:
        """A redelivered message keeps the order number and publishes again, even without the cart."""
        message = requested(cart)
        handle(order_creator_record, creation_queue, message.encode())
        before = repository.get(cart["tenantId"], message.payload.order_id)
        # As after a crash between write and publish, with the cart deleted or the Cart service down by then.
        carts.outages[cart["cartId"]] = {"status": status, "refused": 0}
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        assert repository.get(cart["tenantId"], message.payload.order_id) == before
        assert events_seen.take()["messageId"] == events_seen.take()["messageId"]

    def test_record_redelivery_is_counted_once(
        self,
        cart: dict[str, Any],
        creation_queue: Queue,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """An order and its value are counted once, however often it is delivered."""
        message = requested(cart)

        def counted() -> list[dict[str, Any]]:
            lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
            return [line for line in lines if "OrdersRecorded" in line or "OrderValue" in line]

        assert handle(order_creator_record, creation_queue, message.encode()) == []
        (line,) = counted()
        assert (line["OrdersRecorded"], line["OrderValue"]) == ([1.0], [102.35])
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Dimensions"] == [["service"]]
        assert {"Name": "OrderValue", "Unit": "None"} in directive["Metrics"]
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        assert counted() == []

    def test_record_publish_failure_keeps_message(
        self,
        repository: OrderRepository,
        cart: dict[str, Any],
        creation_queue: Queue,
        events_seen: Queue,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """If the event cannot be published, the message fails and the next delivery publishes."""
        message = requested(cart)
        with monkeypatch.context() as patched:
            patched.setenv("ORDER_EVENTS_TOPIC_ARN", settings.order_events_topic_arn + "-gone")
            assert handle(order_creator_record, creation_queue, message.encode()) == [message.encode()]
        assert repository.get(cart["tenantId"], message.payload.order_id) is not None
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        assert events_seen.take()["payload"]["orderId"] == str(message.payload.order_id)

    def test_record_batch_fails_only_bad_messages(
        self, repository: OrderRepository, cart: dict[str, Any], creation_queue: Queue
    ) -> None:
        """Of a batch, only the messages fail that no code understands."""
        good = [requested(cart) for _ in range(3)]
        poison = "not JSON"
        other = samples.order_recorded(samples.order(), "c-1").encode()
        bodies = [good[0].encode(), poison, good[1].encode(), other, good[2].encode()]
        assert handle(order_creator_record, creation_queue, *bodies) == [poison, other]
        for message in good:
            assert repository.get(cart["tenantId"], message.payload.order_id)

    @pytest.mark.parametrize(
        ("code", "changes"),
        [
            ("CART_NOT_FOUND", {"tenantId": "tenant-other"}),
            ("CART_EMPTY", {"items": []}),
            ("CART_INVALID", {"items": [{**MUG, "quantity": "2"}]}),
            ("CURRENCY_MISMATCH", {"currency": "USD"}),
            # With one of them the total is too large, with many the line is.
            ("ORDER_TOO_LARGE", {"items": [{**MUG, "unitPrice": "999999999999.99"}]}),
            ("ORDER_TOO_LARGE", {"items": [{**MUG, "unitPrice": "999999999999.99", "quantity": 100_000}]}),
            # Inside the limits of a cart, and above those of an item of the table.
            ("ORDER_TOO_LARGE", {"items": [{**MUG, "name": "x" * 440}] * 1_000}),
        ],
        ids=["foreign", "empty", "malformed", "currency", "total", "line", "bytes"],
    )
    def test_record_cart_that_cannot_be_ordered_is_rejected(
        self,
        code: str,
        changes: dict[str, Any],
        repository: OrderRepository,
        cart: dict[str, Any],
        creation_queue: Queue,
        events_seen: Queue,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """An order of a cart that cannot be ordered is on record as rejected, counted and published."""
        message = requested(cart)
        cart |= changes
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        rejected = repository.get(message.payload.tenant_id, message.payload.order_id)
        assert rejected is not None
        assert (rejected.status, rejected.order_number) == (OrderStatus.REJECTED, None)
        assert (rejected.items, str(rejected.total)) == ([], "0.00")
        assert rejected.rejection is not None
        assert (rejected.rejection.code, rejected.cart_id) == (code, cart["cartId"])
        assert (rejected.customer_email, rejected.date_created) == (
            message.payload.order.customer_email,
            message.timestamp,
        )
        event = events_seen.take()
        assert (event["eventType"], event["payload"]["orderId"]) == ("OrderRejected", str(rejected.id))
        printed = capsys.readouterr().out
        assert '"OrdersRejected":[1.0]' in printed.replace(" ", "")
        assert "OrdersRecorded" not in printed

    def test_record_redelivery_of_rejected_order_changes_nothing(
        self,
        repository: OrderRepository,
        carts: CartStub,
        cart: dict[str, Any],
        creation_queue: Queue,
        events_seen: Queue,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A rejected order stays rejected, even if its cart can be ordered by the next delivery."""
        message = requested(cart)
        good = carts.carts.pop(cart["cartId"])
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        rejected = repository.get(cart["tenantId"], message.payload.order_id)
        capsys.readouterr()
        for again in (None, good):
            if again:
                carts.carts[cart["cartId"]] = again
            assert handle(order_creator_record, creation_queue, message.encode()) == []
            assert repository.get(cart["tenantId"], message.payload.order_id) == rejected
        assert "Orders" not in capsys.readouterr().out.replace("OrderService", "")
        assert len({events_seen.take()["messageId"] for _ in range(3)}) == 1

    def test_record_takes_no_number_for_a_rejected_order(self, cart: dict[str, Any], creation_queue: Queue) -> None:
        """A rejected order leaves no gap in the numbers."""
        counter = {"PK": {"S": "COUNTER#ORDER"}, "SK": {"S": f"YEAR#{datetime.now(UTC).year}"}}

        def last_number() -> Any:
            return clients.dynamodb().get_item(TableName=settings.orders_table, Key=counter).get("Item")

        assert handle(order_creator_record, creation_queue, requested(cart).encode()) == []
        before = last_number()
        cart["items"] = []
        assert handle(order_creator_record, creation_queue, requested(cart).encode()) == []
        assert last_number() == before

    def test_record_transient_failure_is_delayed(
        self, carts: CartStub, cart: dict[str, Any], creation_queue: Queue
    ) -> None:
        """A message is retried later while the Cart service is down; a malformed one at once."""
        carts.outages[cart["cartId"]] = {"status": 503, "refused": 0}
        message = requested(cart)
        assert handle(order_creator_record, creation_queue, "poison", message.encode())
        # The malformed message is redelivered at once, the other after the delay of two seconds.
        assert [m["Body"] for m in creation_queue.receive()] == ["poison"]
        (again,) = poll("the other message", lambda: creation_queue.receive() or None, 10)
        assert again["Body"] == message.encode()
        del carts.outages[cart["cartId"]]

    def test_record_unexpected_response_fails(
        self, repository: OrderRepository, carts: CartStub, cart: dict[str, Any], creation_queue: Queue
    ) -> None:
        """A status that the Cart service should not respond with is no reason to reject an order."""
        carts.outages[cart["cartId"]] = {"status": 403, "refused": 0}
        message = requested(cart)
        assert handle(order_creator_record, creation_queue, message.encode()) == [message.encode()]
        assert repository.get(cart["tenantId"], message.payload.order_id) is None
        del carts.outages[cart["cartId"]]

    def test_record_empty_batch_succeeds(self) -> None:
        """An empty batch succeeds."""
        assert order_creator_record({"Records": []}, context()) == {"batchItemFailures": []}


class TestInvoice:
    def test_invoice_is_stored_and_published(
        self, repository: OrderRepository, order: Order, creation_queue: Queue, events_seen: Queue
    ) -> None:
        """An invoice is stored, its key is on the order, and the event is published."""
        assert handle(order_pdf_creator, creation_queue, samples.order_recorded(order, "c-2").encode()) == []
        invoiced = repository.get(order.tenant_id, order.id)
        assert invoiced is not None
        assert invoiced.invoice_key == f"{order.tenant_id}/orders/order_{order.id}.pdf"
        assert invoiced.version == order.version
        event = events_seen.take()
        assert event["payload"]["invoiceKey"] == invoiced.invoice_key
        pdf = clients.s3().get_object(Bucket=settings.orders_bucket, Key=invoiced.invoice_key)["Body"].read()
        assert str(order.order_number) in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()

    @pytest.mark.parametrize("key_stored", [True, False], ids=["key stored", "key not stored"])
    def test_invoice_redelivery_keeps_first(
        self, repository: OrderRepository, order: Order, creation_queue: Queue, events_seen: Queue, key_stored: bool
    ) -> None:
        """A redelivered message keeps the first invoice and publishes again."""
        body = samples.order_recorded(order, "c-2").encode()
        handle(order_pdf_creator, creation_queue, body)
        key = f"{order.tenant_id}/orders/order_{order.id}.pdf"
        first = clients.s3().get_object(Bucket=settings.orders_bucket, Key=key)["LastModified"]
        if not key_stored:
            # As after a crash between the upload and the update of the order.
            clients.dynamodb().update_item(
                TableName=settings.orders_table,
                Key={"PK": {"S": f"TENANT#{order.tenant_id}"}, "SK": {"S": f"ORDER#{order.id}"}},
                UpdateExpression="REMOVE invoiceKey",
            )
        assert handle(order_pdf_creator, creation_queue, body) == []
        assert clients.s3().get_object(Bucket=settings.orders_bucket, Key=key)["LastModified"] == first
        assert events_seen.take()["messageId"] == events_seen.take()["messageId"]
        again = repository.get(order.tenant_id, order.id)
        assert again is not None
        assert again.invoice_key == key

    def test_invoice_conflict_is_retried(
        self, repository: OrderRepository, order: Order, creation_queue: Queue, events_seen: Queue
    ) -> None:
        """S3's 409 does not say that there is an invoice: the message is retried, and nothing is published before.

        Source: Amazon S3 API Reference, PutObject, 409 ConditionalRequestConflict: "you should retry the upload".
        """
        body = samples.order_recorded(order, "c-2").encode()
        conflict = {"Error": {"Code": "ConditionalRequestConflict", "Message": "Conflict"}}

        def respond(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
            return AWSResponse("", 409, HTTPHeaders(), None), conflict

        with on(clients.s3(), "before-call.s3.PutObject", respond):
            assert handle(order_pdf_creator, creation_queue, body) == [body]
        recorded = repository.get(order.tenant_id, order.id)
        assert recorded is not None
        assert recorded.invoice_key is None
        assert handle(order_pdf_creator, creation_queue, body) == []
        assert events_seen.take()["payload"]["invoiceKey"] == f"{order.tenant_id}/orders/order_{order.id}.pdf"

    def test_invoice_missing_order_is_retried(self, order: Order, creation_queue: Queue) -> None:
        """A message about an order that is not in the table is retried."""
        body = samples.order_recorded(order.copy(update={"id": UUID(int=0)}), "c-2").encode()
        assert handle(order_pdf_creator, creation_queue, body) == [body]

    def test_invoice_upload_failure_raises(self, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failed upload is not taken for an invoice that exists."""
        monkeypatch.setenv("ORDERS_BUCKET", "no-such-bucket")
        from functions.order_pdf_creator.service import create_invoice

        with pytest.raises(ClientError, match="NoSuchBucket"):
            create_invoice(order.tenant_id, order.id, "c-2")


class TestMails:
    def test_notification_is_sent_once(self, order: Order, creation_queue: Queue, mailbox: Mailbox) -> None:
        """The internal team gets one mail for an order, however often it is delivered."""
        correlation_id = str(uuid4())
        body = samples.order_recorded(order, correlation_id).encode()
        for _ in range(2):
            assert handle(order_internal_notification, creation_queue, body) == []
        mail = only_mail(mailbox, correlation_id)
        assert mail["To"] == "orders@kimmyai.io"
        assert order.order_number in mail["Subject"]

    def test_confirmation_has_invoice_attached(self, order: Order, creation_queue: Queue, mailbox: Mailbox) -> None:
        """The confirmation has the invoice attached."""
        correlation_id, key = str(uuid4()), f"{order.tenant_id}/orders/order_{order.id}.pdf"
        clients.s3().put_object(Bucket=settings.orders_bucket, Key=key, Body=b"%PDF-1.7 invoice")
        body = samples.invoice_created(order, key, correlation_id).encode()
        assert handle(customer_order_confirmation, creation_queue, body) == []
        mail = only_mail(mailbox, correlation_id)
        assert mail["To"] == order.customer_email
        (attachment,) = mail.iter_attachments()
        assert isinstance(attachment, EmailMessage)
        assert attachment.get_content() == b"%PDF-1.7 invoice"

    def test_rejection_mail_has_reason(self, creation_queue: Queue, mailbox: Mailbox) -> None:
        """The customer gets one mail about a rejected order, with the reason and no price."""
        correlation_id = str(uuid4())
        rejected = reject(samples.rejected_order(tenant_id=f"tenant-{uuid4().hex[:8]}")).order
        body = samples.order_rejected(rejected, correlation_id).encode()
        for _ in range(2):
            assert handle(customer_order_confirmation, creation_queue, body) == []
        mail = only_mail(mailbox, correlation_id)
        assert (mail["To"], mail["Subject"]) == (rejected.customer_email, "We couldn't accept your order")
        text = mail.get_body(("plain",))
        assert text is not None
        assert rejected.rejection is not None
        assert rejected.rejection.detail in text.get_content()
        assert "R\u00a0" not in text.get_content()
        assert list(mail.iter_attachments()) == []

    @pytest.mark.parametrize("status", [status for status in OrderStatus if status is not OrderStatus.REJECTED])
    def test_status_mail_is_sent_for_each_status(
        self, order: Order, creation_queue: Queue, mailbox: Mailbox, status: OrderStatus
    ) -> None:
        """The customer gets a mail for each status."""
        correlation_id = str(uuid4())
        changed = order.copy(update={"status": status})
        body = samples.order_status_changed(changed, OrderStatus.PENDING_PAYMENT, correlation_id).encode()
        assert handle(customer_order_confirmation, creation_queue, body) == []
        text = only_mail(mailbox, correlation_id).get_body(("plain",))
        assert text is not None
        assert order.order_number in text.get_content()

    def test_mails_of_a_batch_are_claimed_together(self, creation_queue: Queue, mailbox: Mailbox) -> None:
        """The mails of a batch need one read and one claim; each is marked when it is sent, and sent once."""
        correlations = [str(uuid4()) for _ in range(3)]
        bodies = [samples.order_recorded(record(draft()).order, each).encode() for each in correlations]
        with calls_of(clients.dynamodb(), clients.dynamodb_for_mail_records()) as calls:
            assert handle(order_internal_notification, creation_queue, *bodies, bodies[0]) == []
        # The last message is the first again: it finds the mark.
        assert calls == ["BatchGetItem", "TransactWriteItems", *["UpdateItem"] * 3, "PutItem"]
        assert handle(order_internal_notification, creation_queue, bodies[1]) == []
        for each in correlations:
            assert only_mail(mailbox, each)

    def test_mail_that_was_sent_is_dropped_from_its_batch(self, creation_queue: Queue, mailbox: Mailbox) -> None:
        """Of a batch in which a mail was sent before, the others are sent."""
        correlations = [str(uuid4()) for _ in range(3)]
        bodies = [samples.order_recorded(record(draft()).order, each).encode() for each in correlations]
        assert handle(order_internal_notification, creation_queue, bodies[1]) == []
        assert handle(order_internal_notification, creation_queue, *bodies) == []
        for each in correlations:
            assert only_mail(mailbox, each)

    def test_mail_that_fails_fails_alone(self, creation_queue: Queue, mailbox: Mailbox) -> None:
        """A mail that cannot be built or has no order fails alone, and is sent once it can be."""
        correlations = [str(uuid4()) for _ in range(3)]
        good, without_invoice, unknown = (record(draft()).order for _ in range(3))
        keys = {each.id: f"{each.tenant_id}/orders/order_{each.id}.pdf" for each in (good, without_invoice, unknown)}
        store = partial(clients.s3().put_object, Bucket=settings.orders_bucket, Body=b"%PDF-1.7 invoice")
        store(Key=keys[good.id])
        bodies = [
            samples.invoice_created(without_invoice, keys[without_invoice.id], correlations[0]).encode(),
            samples.invoice_created(unknown.copy(update={"id": uuid4()}), "key", correlations[1]).encode(),
            samples.invoice_created(good, keys[good.id], correlations[2]).encode(),
        ]
        assert handle(customer_order_confirmation, creation_queue, *bodies) == bodies[:2]
        assert only_mail(mailbox, correlations[2])
        store(Key=keys[without_invoice.id])
        assert handle(customer_order_confirmation, creation_queue, *bodies) == bodies[1:2]
        assert only_mail(mailbox, correlations[0])

    def test_mail_send_failure_is_retried(
        self, order: Order, creation_queue: Queue, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A mail that could not be sent is sent on the next delivery."""
        correlation_id = str(uuid4())
        body = samples.order_recorded(order, correlation_id).encode()
        with monkeypatch.context() as patched:
            patched.setenv("MAIL_FROM", "not an address")
            assert handle(order_internal_notification, creation_queue, body) == [body]
        assert handle(order_internal_notification, creation_queue, body) == []
        assert only_mail(mailbox, correlation_id)

    def test_mail_record_failure_sends_no_second(
        self, order: Order, creation_queue: Queue, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A mail is sent once although writing its idempotency record fails at first."""
        failing = iter(range(5))

        def fail(**_: Any) -> None:
            if next(failing, None) is not None:
                raise ConnectionClosedError(endpoint_url="dynamodb")

        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        hooks = clients.dynamodb_for_mail_records().meta.events
        hooks.register("before-send.dynamodb.UpdateItem", fail, unique_id="fail")
        correlation_id = str(uuid4())
        body = samples.order_recorded(order, correlation_id).encode()
        try:
            assert handle(order_internal_notification, creation_queue, body) == []
        finally:
            hooks.unregister("before-send.dynamodb.UpdateItem", unique_id="fail")
        assert next(failing, None) is None
        assert handle(order_internal_notification, creation_queue, body) == []
        assert only_mail(mailbox, correlation_id)

    def test_mail_after_crash_waits_for_timeout(
        self, order: Order, creation_queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a crash while sending, the next delivery waits for the timeout of the function."""

        class Killed(BaseException):
            pass

        def die(_: EmailMessage) -> str:
            raise Killed

        body = samples.order_recorded(order, "c-4").encode()
        delays: list[int] = []
        monkeypatch.setattr(notifications, "send", die)
        with pytest.raises(Killed):
            handle(order_internal_notification, creation_queue, body)
        monkeypatch.setattr(sqs, "_delay_retry", lambda _, seconds: delays.append(seconds))
        assert handle(order_internal_notification, creation_queue, body) == [body]
        # The timeout of the function, not the two seconds of other failures.
        assert delays == [31]

    def test_event_of_other_function_is_refused(self, order: Order, creation_queue: Queue) -> None:
        """An event for another function is refused."""
        recorded = samples.order_recorded(order, "c-3").encode()
        created = samples.invoice_created(order, "key", "c-3").encode()
        assert handle(customer_order_confirmation, creation_queue, recorded) == [recorded]
        assert handle(order_internal_notification, creation_queue, created) == [created]
        assert handle(order_pdf_creator, creation_queue, created) == [created]

    @pytest.mark.parametrize(
        ("error", "counted"),
        [(RuntimeError(), ["7"]), (TransientError("Cart service is away"), []), (PermanentError("no such cart"), [])],
        ids=["unexpected", "transient", "permanent"],
    )
    def test_unexpected_error_counts_for_version(
        self,
        order: Order,
        creation_queue: Queue,
        capsys: pytest.CaptureFixture[str],
        error: Exception,
        counted: list[str],
    ) -> None:
        """An unexpected error counts for the version that ran; a service that is away or a bad message does not."""

        def fail(*_: object) -> None:
            raise error

        body = samples.order_recorded(order, "c-5").encode()
        assert handle(sqs.sqs_handler(fail, OrderRecorded), creation_queue, body) == [body]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["version"] for line in lines if "FailedCalls" in line] == counted
