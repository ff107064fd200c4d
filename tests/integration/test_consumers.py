"""The four SQS functions on real tables, queues, topics, buckets and mails."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from pypdf import PdfReader

from common import clients, notifications
from common.errors import PermanentError
from common.events import Envelope, OrderCreationRequested
from common.models import OrderRequest
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
from localstack.lambda_events import context, sqs_event
from localstack.mailbox import Mailbox
from localstack.sidecars.cart_stub import CartStub
from tests.integration.conftest import Queue
from tests.support import samples
from tests.support.samples import draft, order_request
from tooling.polling import poll

pytestmark = pytest.mark.usefixtures("aws")

Handler = Callable[..., dict[str, Any]]


@pytest.fixture
def repository() -> OrderRepository:
    """The repository of the engine's table."""
    return OrderRepository(clients.dynamodb(), settings.orders_table)


@pytest.fixture
def order(repository: OrderRepository) -> Order:
    """An order on record."""
    return repository.record(draft(f"tenant-{uuid4().hex[:8]}")).order


@pytest.fixture
def cart(carts: CartStub) -> Iterator[dict[str, Any]]:
    """A cart of one mug at 89.00, of a tenant of the test's own."""
    cart_id = f"cart-{uuid4().hex}"
    item = {"productId": "p-1", "name": "Mug", "quantity": 1, "unitPrice": "89.00"}
    carts.carts[cart_id] = {
        "cartId": cart_id,
        "tenantId": f"tenant-{uuid4().hex[:8]}",
        "currency": "ZAR",
        "items": [item],
    }
    yield carts.carts[cart_id]
    del carts.carts[cart_id]


def requested(cart: dict[str, Any], **changes: Any) -> Envelope:
    """The message that asks for the order of a cart to be recorded."""
    request = OrderRequest.parse_obj(order_request(cartId=cart["cartId"], **changes))
    payload = OrderCreationRequested(order_id=uuid4(), tenant_id=cart["tenantId"], created_by="user-1", order=request)
    return Envelope.of(payload, "c-1")


def handle(handler: Handler, queue: Queue, *bodies: str) -> list[str]:
    """Give messages to a handler in one batch; the bodies of those that it reports as failed."""
    messages = [queue.send(body) for body in bodies]
    failed = handler(sqs_event(queue.name, *messages), context())["batchItemFailures"]
    ids = {failure["itemIdentifier"] for failure in failed}
    return [message["Body"] for message in messages if message["MessageId"] in ids]


def mail_of(mailbox: Mailbox, correlation_id: str) -> EmailMessage:
    """The one mail with a correlation id."""
    ((_, mail),) = poll(f"mail {correlation_id}", lambda: mailbox.find(correlation_id) or None, 10)
    return mail


class TestRecord:
    def test_an_order_is_priced_recorded_and_published(
        self, repository: OrderRepository, cart: dict[str, Any], creation_queue: Queue, events_seen: Queue
    ) -> None:
        message = requested(cart, campaignCode="SPRING10")
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        recorded = repository.get(cart["tenantId"], message.payload.order_id)
        assert recorded is not None
        assert (str(recorded.discount), str(recorded.tax), str(recorded.total)) == ("8.90", "12.02", "92.12")
        assert recorded.date_created == message.timestamp
        event = events_seen.take()
        assert (event["eventType"], event["correlationId"]) == ("OrderRecorded", "c-1")
        assert event["payload"] == {"tenantId": cart["tenantId"], "orderId": str(recorded.id)}

    def test_a_new_order_takes_the_fewest_calls(self, cart: dict[str, Any], creation_queue: Queue) -> None:
        asked: list[str] = []

        def note(model: Any, **_: Any) -> None:
            asked.append(model.name)

        clients.dynamodb().meta.events.register("before-call.dynamodb", note)
        try:
            assert handle(order_creator_record, creation_queue, requested(cart).encode()) == []
        finally:
            clients.dynamodb().meta.events.unregister("before-call.dynamodb", note)
        assert asked == ["GetItem", "TransactWriteItems"]

    @pytest.mark.parametrize("status", [404, 503])
    def test_a_message_that_comes_again_publishes_again_and_keeps_the_number(
        self,
        status: int,
        repository: OrderRepository,
        carts: CartStub,
        cart: dict[str, Any],
        creation_queue: Queue,
        events_seen: Queue,
    ) -> None:
        message = requested(cart)
        handle(order_creator_record, creation_queue, message.encode())
        before = repository.get(cart["tenantId"], message.payload.order_id)
        # As after a crash between the write and the publish, with the cart gone by then, or nobody there to ask.
        carts.outages[cart["cartId"]] = {"status": status, "refused": 0}
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        assert repository.get(cart["tenantId"], message.payload.order_id) == before
        assert events_seen.take()["messageId"] == events_seen.take()["messageId"]

    def test_an_order_and_its_value_are_counted_once_whatever_is_delivered_twice(
        self,
        repository: OrderRepository,
        cart: dict[str, Any],
        creation_queue: Queue,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
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
        # Two deliveries at one moment: neither finds the order, and one of them writes it.
        blind = mock.Mock(get=lambda *_: None, record=repository.record)
        monkeypatch.setattr(record_service, "_repository", blind)
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        assert counted() == []

    def test_the_message_stays_if_the_event_cannot_be_published(
        self,
        repository: OrderRepository,
        cart: dict[str, Any],
        creation_queue: Queue,
        events_seen: Queue,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        message = requested(cart)
        with monkeypatch.context() as patched:
            patched.setenv("ORDER_EVENTS_TOPIC_ARN", settings.order_events_topic_arn + "-gone")
            assert handle(order_creator_record, creation_queue, message.encode()) == [message.encode()]
        assert repository.get(cart["tenantId"], message.payload.order_id) is not None
        assert handle(order_creator_record, creation_queue, message.encode()) == []
        assert events_seen.take()["payload"]["orderId"] == str(message.payload.order_id)

    def test_only_what_is_bad_in_a_batch_fails(
        self, repository: OrderRepository, carts: CartStub, cart: dict[str, Any], creation_queue: Queue
    ) -> None:
        good = [requested(cart) for _ in range(3)]
        poison = "not JSON"
        missing = requested({**cart, "cartId": "cart-that-is-not-there"}).encode()
        foreign = requested({**cart, "tenantId": "tenant-other"}).encode()
        other = samples.order_recorded(Order(**draft().dict(), order_number="ORD-2026-00001"), "c-1").encode()
        failed = handle(
            order_creator_record,
            creation_queue,
            good[0].encode(),
            poison,
            good[1].encode(),
            missing,
            foreign,
            other,
            good[2].encode(),
        )
        assert failed == [poison, missing, foreign, other]
        for message in good:
            assert repository.get(cart["tenantId"], message.payload.order_id)

    @pytest.mark.parametrize("quantity", [1, 100_000])
    def test_a_cart_that_no_order_can_hold_is_refused_at_once(
        self, cart: dict[str, Any], creation_queue: Queue, quantity: int
    ) -> None:
        # One such line has a total that is too large, many of them a line.
        cart["items"][0] |= {"quantity": quantity, "unitPrice": "999999999999.99"}
        message = requested(cart).encode()
        assert handle(order_creator_record, creation_queue, message) == [message]
        assert [m["Body"] for m in creation_queue.receive()] == [message]

    def test_a_service_that_is_down_is_asked_again_later_and_poison_at_once(
        self, carts: CartStub, cart: dict[str, Any], creation_queue: Queue
    ) -> None:
        carts.outages[cart["cartId"]] = {"status": 503, "refused": 0}
        message = requested(cart)
        assert handle(order_creator_record, creation_queue, "poison", message.encode())
        # The poison is there again at once, the other after the delay of two seconds.
        assert [m["Body"] for m in creation_queue.receive()] == ["poison"]
        (again,) = poll("the other message", lambda: creation_queue.receive() or None, 10)
        assert again["Body"] == message.encode()
        del carts.outages[cart["cartId"]]

    def test_currencies_must_agree(self, cart: dict[str, Any]) -> None:
        request = requested(cart).payload
        wrong = request.copy(update={"order": request.order.copy(update={"currency": "USD"})})
        with pytest.raises(PermanentError, match="in ZAR, the order in USD"):
            record_service.record(wrong, datetime.now(UTC), "c-1")

    def test_an_empty_batch_is_answered(self) -> None:
        assert order_creator_record({"Records": []}, context()) == {"batchItemFailures": []}


class TestInvoice:
    def test_an_invoice_is_stored_noted_and_published(
        self, repository: OrderRepository, order: Order, creation_queue: Queue, events_seen: Queue
    ) -> None:
        assert handle(order_pdf_creator, creation_queue, samples.order_recorded(order, "c-2").encode()) == []
        invoiced = repository.get(order.tenant_id, order.id)
        assert invoiced is not None
        assert invoiced.invoice_key == f"{order.tenant_id}/orders/order_{order.id}.pdf"
        assert invoiced.version == order.version
        event = events_seen.take()
        assert event["payload"]["invoiceKey"] == invoiced.invoice_key
        pdf = clients.s3().get_object(Bucket=settings.orders_bucket, Key=invoiced.invoice_key)["Body"].read()
        assert order.order_number in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()

    @pytest.mark.parametrize("noted", [True, False], ids=["noted", "not noted"])
    def test_an_invoice_is_issued_once(
        self, repository: OrderRepository, order: Order, creation_queue: Queue, events_seen: Queue, noted: bool
    ) -> None:
        body = samples.order_recorded(order, "c-2").encode()
        handle(order_pdf_creator, creation_queue, body)
        key = f"{order.tenant_id}/orders/order_{order.id}.pdf"
        first = clients.s3().get_object(Bucket=settings.orders_bucket, Key=key)["LastModified"]
        if not noted:
            # As after a crash between the upload and the note of it.
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

    def test_an_order_that_is_not_there_comes_again(self, order: Order, creation_queue: Queue) -> None:
        body = samples.order_recorded(order.copy(update={"id": UUID(int=0)}), "c-2").encode()
        assert handle(order_pdf_creator, creation_queue, body) == [body]

    def test_a_bucket_that_refuses_is_no_success(self, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ORDERS_BUCKET", "no-such-bucket")
        from functions.order_pdf_creator.service import create_invoice

        with pytest.raises(ClientError, match="NoSuchBucket"):
            create_invoice(order.tenant_id, order.id, "c-2")


class TestMails:
    def test_the_team_is_told_once(self, order: Order, creation_queue: Queue, mailbox: Mailbox) -> None:
        correlation_id = str(uuid4())
        body = samples.order_recorded(order, correlation_id).encode()
        for _ in range(2):
            assert handle(order_internal_notification, creation_queue, body) == []
        mail = mail_of(mailbox, correlation_id)
        assert mail["To"] == "orders@kimmyai.io"
        assert order.order_number in mail["Subject"]

    def test_the_customer_gets_the_invoice(self, order: Order, creation_queue: Queue, mailbox: Mailbox) -> None:
        correlation_id, key = str(uuid4()), f"{order.tenant_id}/orders/order_{order.id}.pdf"
        clients.s3().put_object(Bucket=settings.orders_bucket, Key=key, Body=b"%PDF-1.7 invoice")
        body = samples.invoice_created(order, key, correlation_id).encode()
        assert handle(customer_order_confirmation, creation_queue, body) == []
        mail = mail_of(mailbox, correlation_id)
        assert mail["To"] == order.customer_email
        (attachment,) = mail.iter_attachments()
        assert isinstance(attachment, EmailMessage)
        assert attachment.get_content() == b"%PDF-1.7 invoice"

    @pytest.mark.parametrize("status", OrderStatus)
    def test_the_customer_is_told_of_each_status(
        self, order: Order, creation_queue: Queue, mailbox: Mailbox, status: OrderStatus
    ) -> None:
        correlation_id = str(uuid4())
        changed = order.copy(update={"status": status})
        body = samples.order_status_changed(changed, OrderStatus.PENDING_PAYMENT, correlation_id).encode()
        assert handle(customer_order_confirmation, creation_queue, body) == []
        text = mail_of(mailbox, correlation_id).get_body(("plain",))
        assert text is not None
        assert order.order_number in text.get_content()

    def test_a_mail_that_could_not_be_sent_is_sent_later(
        self, order: Order, creation_queue: Queue, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        correlation_id = str(uuid4())
        body = samples.order_recorded(order, correlation_id).encode()
        with monkeypatch.context() as patched:
            patched.setenv("MAIL_FROM", "not an address")
            assert handle(order_internal_notification, creation_queue, body) == [body]
        assert handle(order_internal_notification, creation_queue, body) == []
        assert mail_of(mailbox, correlation_id)

    def test_a_mail_is_sent_once_although_its_note_fails_at_first(
        self, order: Order, creation_queue: Queue, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing = iter(range(5))

        def fail(**_: Any) -> None:
            if next(failing, None) is not None:
                raise ConnectionClosedError(endpoint_url="dynamodb")

        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        notes = clients.dynamodb_for_mail_records().meta.events
        notes.register("before-send.dynamodb.UpdateItem", fail, unique_id="fail")
        correlation_id = str(uuid4())
        body = samples.order_recorded(order, correlation_id).encode()
        try:
            assert handle(order_internal_notification, creation_queue, body) == []
        finally:
            notes.unregister("before-send.dynamodb.UpdateItem", unique_id="fail")
        assert next(failing, None) is None
        assert handle(order_internal_notification, creation_queue, body) == []
        assert mail_of(mailbox, correlation_id)

    def test_a_mail_at_which_a_process_died_waits_for_its_time_to_be_up(
        self, order: Order, creation_queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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
        # The time-out of the function, and not the two seconds of other failures.
        assert delays == [31]

    def test_a_message_for_another_function_is_refused(self, order: Order, creation_queue: Queue) -> None:
        recorded = samples.order_recorded(order, "c-3").encode()
        created = samples.invoice_created(order, "key", "c-3").encode()
        assert handle(customer_order_confirmation, creation_queue, recorded) == [recorded]
        assert handle(order_internal_notification, creation_queue, created) == [created]
        assert handle(order_pdf_creator, creation_queue, created) == [created]
