"""What the console reads about orders, mails and messages, without a stack."""

import copy
import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.order import Order
from common.repository import OrderFilter, OrderRepository, Page
from common.table_items import attributes_of
from evidence.content import body
from localstack.console.logs import FunctionLogs, Line
from localstack.console.orders import NEWEST, OrderBook, OrderReader
from localstack.console.queues import ordered, parse_message
from localstack.mails import CUSTOMER, INTERNAL, STATUS, Mail, MailFolder
from tests.support.samples import CREATED, order, rejected_order

ID = "11111111-1111-4111-8111-111111111111"


def line(function: str, message: str, seconds: float = 0, order_id: str = ID, **fields: Any) -> Line:
    at = CREATED + timedelta(seconds=seconds)
    return Line(function, "s", "r", at, "INFO", message, "c-1", {"order_id": order_id, **fields})


def mail(kind: str, seconds: float, number: str = "ORD-2026-00001") -> Mail:
    return Mail(f"{seconds}", CREATED + timedelta(seconds=seconds), kind, "a@example.com", number, number, "c-1")


def test_order_goes_from_accepted_to_mailed() -> None:
    """An order is tracked from accepted to mailed."""
    book = OrderBook()
    assert book.add_line(line("create_order", "order accepted", 0.01, tenant_id="tenant-a")) == ID
    (tracked,) = book.newest()
    assert (tracked.stage, tracked.tenant_id, tracked.correlation_id) == ("accepted", "tenant-a", "c-1")
    book.add_line(line("order_creator_record", "order recorded", 0.2))
    book.add_order(order(order_id=UUID(ID)))
    assert tracked.stage == "recorded"
    assert tracked.steps()[0] == ("recorded", 0.2, True)
    assert tracked.steps()[1] == ("invoice", None, False)
    book.add_line(line("order_pdf_creator", "invoice created", 1))
    assert tracked.stage == "invoiced"
    book.add_mail(mail(INTERNAL, 1.1))
    assert not tracked.done
    book.add_mail(mail(CUSTOMER, 1.2))
    assert (tracked.stage, tracked.done) == ("mailed", True)
    assert [seconds for _, seconds, _ in tracked.steps()] == [0.2, 1.0, 1.1, 1.2]


def test_repeated_news_changes_nothing() -> None:
    """A repeated line, record or mail changes nothing."""
    book = OrderBook()
    accepted = line("create_order", "order accepted", tenant_id="tenant-a")
    known = order(order_id=UUID(ID))
    book.add_line(accepted)
    book.add_order(known)
    book.add_mail(mail(INTERNAL, 1))
    (tracked,) = book.newest()
    before = copy.deepcopy(tracked)
    assert book.add_line(accepted) is None
    # A redelivered message logs the step again, later.
    assert book.add_line(line("create_order", "order accepted", 9)) is None
    book.add_order(known)
    book.add_mail(mail(INTERNAL, 1))
    book.add_mail(mail(STATUS, 2))
    assert tracked == before
    assert book.add_line(line("update_order", "order updated", 3)) == ID
    assert book.add_line(line("update_order", "order updated", 5)) == ID
    assert tracked.reached["updated"] == CREATED + timedelta(seconds=5)


@pytest.mark.parametrize("order_id", ["", "x", "11111111", "<b>", "{" + ID + "}"])
def test_line_without_order_id_is_ignored(order_id: str) -> None:
    """A line without an order id is ignored."""
    book = OrderBook()
    assert book.add_line(line("create_order", "order accepted", order_id=order_id)) is None
    assert book.add_line(line("create_order", "something else")) is None
    assert book.newest() == []


def test_mail_of_earlier_stack_is_ignored() -> None:
    """A mail of an earlier stack with the same order number is ignored."""
    book = OrderBook()
    book.add_mail(mail(INTERNAL, -3_600))
    book.add_order(order(order_id=UUID(ID)))
    assert book.newest()[0].mailed == {}
    book.add_mail(mail(INTERNAL, 1))
    assert set(book.newest()[0].mailed) == {INTERNAL}


def test_first_mail_of_a_kind_counts() -> None:
    """The first mail of each kind counts; status mails do not."""
    book = OrderBook()
    book.add_order(order(order_id=UUID(ID)))
    for each in (mail(STATUS, 0.5), mail(INTERNAL, 1), mail(INTERNAL, 3)):
        book.add_mail(each)
    assert book.newest()[0].mailed == {INTERNAL: CREATED + timedelta(seconds=1)}


def test_unmailed_order_is_overdue() -> None:
    """An order without both mails is overdue after the longest agreed limit."""
    book = OrderBook()
    book.add_order(order(order_id=UUID(ID)))
    (tracked,) = book.newest()
    assert not tracked.overdue(CREATED + timedelta(seconds=10))
    assert tracked.overdue(CREATED + timedelta(seconds=11))
    book.add_mail(mail(INTERNAL, 1))
    book.add_mail(mail(CUSTOMER, 1))
    assert not tracked.overdue(CREATED + timedelta(seconds=11))


def test_rejected_order_is_done_with_its_mail() -> None:
    """A rejected order has no number: its only mail is found by the correlation id, and then nothing more happens."""
    book = OrderBook()
    book.add_line(line("create_order", "order accepted", 0.01, tenant_id="tenant-a"))
    assert book.add_line(line("order_creator_record", "order rejected", 0.2)) == ID
    book.add_order(rejected_order(order_id=UUID(ID)))
    (tracked,) = book.newest()
    assert (tracked.stage, tracked.done) == ("rejected", False)
    assert tracked.overdue(CREATED + timedelta(seconds=11))
    book.add_mail(Mail("1", CREATED + timedelta(seconds=1), CUSTOMER, "a@example.com", "We couldn't", None, "c-1"))
    assert (tracked.stage, tracked.done) == ("rejected", True)
    assert not tracked.overdue(CREATED + timedelta(seconds=11))
    assert {step: seconds for step, seconds, _ in tracked.steps()} == {
        "recorded": 0.2,
        "invoice": None,
        "internal mail": None,
        "customer mail": 1.0,
    }


def test_order_is_found_by_any_id() -> None:
    """An order is found by id, number and correlation id."""
    book = OrderBook()
    book.add_line(line("create_order", "order accepted"))
    book.add_order(order(order_id=UUID(ID)))
    for text in (ID, ID.upper(), "ORD-2026-00001", " ord-2026-00001 ", "c-1"):
        found = book.find(text)
        assert found is not None, text
        assert found.order_id == ID
    assert book.find("") is None
    assert book.find("nothing") is None


def test_oldest_orders_are_forgotten() -> None:
    """The newest orders come first, and the oldest are forgotten."""
    book = OrderBook()
    ids = [str(uuid4()) for _ in range(2_001)]
    for seconds, order_id in enumerate(ids):
        book.add_line(line("create_order", "order accepted", seconds, order_id))
    assert [tracked.order_id for tracked in book.newest(3)] == ids[:-4:-1]
    assert len(book.newest()) == NEWEST
    book.forget_old()
    assert book.get(ids[0]) is None
    assert book.get(ids[1]) is not None


class Logs(FunctionLogs):
    """Logs of a test, and the queries."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__(None, {})  # type: ignore[arg-type]
        self.all = lines
        self.queried: list[datetime] = []

    def lines(self, function: str, words: str, since: datetime) -> list[Line]:
        self.queried.append(since)
        return [line for line in self.all if line.function == function]


class Table(OrderRepository):
    """A table of a test, and the queried tenants."""

    def __init__(self, orders: list[Order]) -> None:
        super().__init__(None, "")  # type: ignore[arg-type]
        self.orders = orders
        self.queried: list[str] = []

    def list_by_date(self, tenant_id: str, page_size: int, narrowed: OrderFilter, position: str | None = None) -> Page:
        self.queried.append(tenant_id)
        return Page([attributes_of(order) for order in self.orders if order.tenant_id == tenant_id], None)

    def get_by_id(self, order_id: UUID) -> Order | None:
        return next((order for order in self.orders if order.id == order_id), None)


def test_only_changed_tenants_are_queried() -> None:
    """The table is queried only for tenants whose orders changed."""
    logs = Logs([line("create_order", "order accepted", tenant_id="tenant-b")])
    mine, theirs = order(order_id=UUID(ID), tenant_id="tenant-b"), order("ORD-2026-00002", tenant_id="tenant-a")
    table = Table([theirs])
    reader = OrderReader(logs, table, ["tenant-a"])
    reader.refresh([])
    assert sorted(table.queried) == ["tenant-a", "tenant-b"]
    assert {tracked.order_id for tracked in reader.book.newest()} == {ID, str(theirs.id)}
    # Nothing has changed since.
    reader.refresh([])
    assert len(table.queried) == 2
    # Later reads request new lines only, with an overlap.
    assert logs.queried[-5] == CREATED - timedelta(seconds=1)
    table.orders.append(mine)
    logs.all.append(line("order_creator_record", "order recorded", 1))
    reader.refresh([mail(INTERNAL, 1)])
    tracked = reader.book.get(ID)
    assert tracked is not None
    assert tracked.order == mine
    assert INTERNAL in tracked.mailed


def test_order_without_acceptance_is_read() -> None:
    """An order whose acceptance is not in the logs is read by its id."""
    mine = order(order_id=UUID(ID), tenant_id="tenant-c")
    table = Table([mine])
    reader = OrderReader(Logs([line("order_creator_record", "order recorded", 1)]), table, [])
    reader.refresh([])
    assert table.queried == []
    assert [tracked.tenant_id for tracked in reader.book.newest()] == ["tenant-c"]
    looked_up = reader.look_up(ID)
    assert looked_up is not None
    assert looked_up.order == mine
    assert reader.look_up("not an id") is None
    assert reader.look_up(str(uuid4())) is None


def put_mail(folder: Path, name: str, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
    message["X-Correlation-Id"] = "c-1"
    message.set_content("Good day")
    message.add_alternative("<p>Good <b>day</b></p>", subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="x.pdf")
    (folder / f"{name}.eml").write_bytes(bytes(message))


def test_mails_are_read_once(tmp_path: Path) -> None:
    """Mails are read once and known by kind, time and order."""
    folder = MailFolder(tmp_path)
    assert folder.refresh() == []
    names = ["1795556580022437161-ccacf7e3", "1795556580857395336-17755028", "1795556590000000000-00000000"]
    subjects = ["New order ORD-2026-00001 of a", "Your order ORD-2026-00001", "Order ORD-2026-00001: we have it"]
    for name, subject in zip(names, subjects, strict=True):
        put_mail(tmp_path, name, subject)
    (tmp_path / "..hidden.eml").write_text("not a caught mail")
    new = folder.refresh()
    assert [mail.kind for mail in new] == [INTERNAL, CUSTOMER, STATUS]
    assert new[0].at == datetime.fromtimestamp(1795556580.022437, UTC)
    assert folder.refresh() == []
    assert [mail.name for mail in folder.newest(2)] == names[:0:-1]
    assert [mail.name for mail in folder.of_order("ORD-2026-00001")] == names
    assert folder.get("../secret") is None
    message = folder.read(new[0])
    assert body(message, "plain").strip() == "Good day"
    assert "<b>day</b>" in body(message, "html")
    assert message["Subject"] == subjects[0]
    assert [part.get_filename() for part in message.iter_attachments()] == ["x.pdf"]
    (tmp_path / f"{names[0]}.eml").unlink()
    folder.refresh()
    assert folder.get(names[0]) is None


def test_message_body_of_any_kind_is_parsed() -> None:
    """A message shows its envelope; any other text is shown as it is."""
    envelope = {"eventType": "OrderRecorded", "correlationId": "c-1", "payload": {"orderId": ID}}
    attributes = {"SentTimestamp": "1795556580022"}
    found = parse_message({"MessageId": "m", "Body": json.dumps(envelope), "ReceiveCount": 3, "Attributes": attributes})
    assert (found.event_type, found.order_id, found.attempts) == ("OrderRecorded", ID, 3)
    assert found.sent == datetime.fromtimestamp(1795556580.022, UTC)
    assert '\n  "eventType"' in found.body
    for text in ("not JSON", "[" * 100_000, "[1]", "null", '{"payload": []}'):
        shown = parse_message({"MessageId": "m", "Body": text})
        assert (shown.event_type, shown.order_id) == ("", "")
        assert "".join(shown.body.split()) == "".join(text.split())


def test_queues_are_listed_as_orders_reach_them() -> None:
    """The queue of a consumer that the trace does not know comes last."""
    consumers = ["new_consumer", "customer_order_confirmation", "order_creator_record"]
    assert ordered(consumers) == ["order_creator_record", "customer_order_confirmation", "new_consumer"]
