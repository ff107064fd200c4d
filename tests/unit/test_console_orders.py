"""What the console knows of orders, mails and messages, without a stack."""

import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.order import Order
from common.repository import OrderFilter, OrderRepository, Page, attributes_of
from localstack.console.logs import FunctionLogs, Line
from localstack.console.mails import CONFIRMATION, INTERNAL, STATUS, Mail, MailFolder
from localstack.console.orders import NEWEST, OrderBook, OrderReader
from localstack.console.queues import message_of
from tests.support.samples import CREATED, order

ID = "11111111-1111-4111-8111-111111111111"


def line(function: str, message: str, seconds: float = 0, order_id: str = ID, **fields: Any) -> Line:
    moment = CREATED + timedelta(seconds=seconds)
    return Line(function, "s", "r", moment, "INFO", message, "c-1", {"order_id": order_id, **fields})


def mail(kind: str, seconds: float, number: str = "ORD-2026-00001") -> Mail:
    return Mail(f"{seconds}", CREATED + timedelta(seconds=seconds), kind, "a@example.com", number, number, "c-1")


def test_an_order_is_followed_from_accepted_to_mailed() -> None:
    book = OrderBook()
    assert book.note_line(line("create_order", "order accepted", 0.01, tenant_id="tenant-a")) == ID
    (tracked,) = book.newest()
    assert (tracked.stage, tracked.tenant_id, tracked.correlation_id) == ("accepted", "tenant-a", "c-1")
    book.note_line(line("order_creator_record", "order recorded", 0.2))
    book.note_order(order(order_id=UUID(ID)))
    assert tracked.stage == "recorded"
    assert tracked.seconds(tracked.moments["recorded"]) == 0.2
    book.note_line(line("order_pdf_creator", "invoice created", 1))
    assert tracked.stage == "invoiced"
    book.note_mail(mail(INTERNAL, 1.1))
    assert not tracked.done
    book.note_mail(mail(CONFIRMATION, 1.2))
    assert (tracked.stage, tracked.done) == ("mailed", True)
    assert tracked.seconds(None) is None


def test_only_what_is_new_is_a_change() -> None:
    book = OrderBook()
    accepted = line("create_order", "order accepted", tenant_id="tenant-a")
    known = order(order_id=UUID(ID))
    book.note_line(accepted)
    book.note_order(known)
    book.note_mail(mail(INTERNAL, 1))
    (tracked,) = book.newest()
    before = tracked.revision
    assert book.note_line(accepted) is None
    # A message that comes again is recorded again, later.
    assert book.note_line(line("create_order", "order accepted", 9)) is None
    book.note_order(known)
    book.note_mail(mail(INTERNAL, 1))
    book.note_mail(mail(STATUS, 2))
    assert tracked.revision == before
    assert book.note_line(line("update_order", "order updated", 3)) == ID
    assert book.note_line(line("update_order", "order updated", 5)) == ID
    assert tracked.revision == before + 2


@pytest.mark.parametrize("order_id", ["", "x", "11111111", "<b>", "{" + ID + "}"])
def test_a_line_without_an_order_id_is_passed_over(order_id: str) -> None:
    book = OrderBook()
    assert book.note_line(line("create_order", "order accepted", order_id=order_id)) is None
    assert book.note_line(line("create_order", "something else")) is None
    assert book.newest() == []


def test_mails_of_an_earlier_stack_with_the_same_number_are_not_this_orders() -> None:
    book = OrderBook()
    book.note_mail(mail(INTERNAL, -3_600))
    book.note_order(order(order_id=UUID(ID)))
    assert book.newest()[0].mailed == {}


def test_an_order_that_should_be_done_is_overdue() -> None:
    book = OrderBook()
    book.note_order(order(order_id=UUID(ID)))
    (tracked,) = book.newest()
    assert not tracked.overdue(CREATED + timedelta(seconds=10))
    assert tracked.overdue(CREATED + timedelta(seconds=11))
    book.note_mail(mail(INTERNAL, 1))
    book.note_mail(mail(CONFIRMATION, 1))
    assert not tracked.overdue(CREATED + timedelta(seconds=11))


def test_an_order_is_found_by_id_number_and_correlation_id() -> None:
    book = OrderBook()
    book.note_line(line("create_order", "order accepted"))
    book.note_order(order(order_id=UUID(ID)))
    for text in (ID, ID.upper(), "ORD-2026-00001", " ord-2026-00001 ", "c-1"):
        found = book.find(text)
        assert found is not None, text
        assert found.order_id == ID
    assert book.find("") is None
    assert book.find("nothing") is None


def test_the_newest_come_first_and_the_oldest_are_forgotten() -> None:
    book = OrderBook()
    ids = [str(uuid4()) for _ in range(2_001)]
    for seconds, order_id in enumerate(ids):
        book.note_line(line("create_order", "order accepted", seconds, order_id))
    assert [tracked.order_id for tracked in book.newest(3)] == ids[:-4:-1]
    assert len(book.newest()) == NEWEST
    book.forget_old()
    assert book.get(ids[0]) is None
    assert book.get(ids[1]) is not None


class Logs(FunctionLogs):
    """Logs of a test, and what was asked of them."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__(None, {})  # type: ignore[arg-type]
        self.all = lines
        self.asked: list[datetime] = []

    def lines(self, function: str, words: str, since: datetime) -> list[Line]:
        self.asked.append(since)
        return [line for line in self.all if line.function == function]


class Table(OrderRepository):
    """A table of a test, and what was asked of it."""

    def __init__(self, orders: list[Order]) -> None:
        super().__init__(None, "")  # type: ignore[arg-type]
        self.orders = orders
        self.asked: list[str] = []

    def list_by_date(self, tenant_id: str, page_size: int, narrowed: OrderFilter, position: str | None = None) -> Page:
        self.asked.append(tenant_id)
        return Page([attributes_of(order) for order in self.orders if order.tenant_id == tenant_id], None)

    def get_by_id(self, order_id: UUID) -> Order | None:
        return next((order for order in self.orders if order.id == order_id), None)


def test_only_tenants_whose_orders_moved_are_asked_for() -> None:
    logs = Logs([line("create_order", "order accepted", tenant_id="tenant-b")])
    mine, theirs = order(order_id=UUID(ID), tenant_id="tenant-b"), order("ORD-2026-00002", tenant_id="tenant-a")
    table = Table([theirs])
    reader = OrderReader(logs, table, ["tenant-a"])
    reader.refresh([])
    assert sorted(table.asked) == ["tenant-a", "tenant-b"]
    assert {tracked.order_id for tracked in reader.book.newest()} == {ID, str(theirs.id)}
    # Nothing has moved since.
    reader.refresh([])
    assert len(table.asked) == 2
    # On a later look only new lines are asked for, with an overlap.
    assert logs.asked[-4] == CREATED - timedelta(seconds=1)
    table.orders.append(mine)
    logs.all.append(line("order_creator_record", "order recorded", 1))
    reader.refresh([mail(INTERNAL, 1)])
    tracked = reader.book.get(ID)
    assert tracked is not None
    assert tracked.order == mine
    assert INTERNAL in tracked.mailed


def test_an_order_whose_acceptance_no_log_has_is_found_by_its_id() -> None:
    mine = order(order_id=UUID(ID), tenant_id="tenant-c")
    table = Table([mine])
    reader = OrderReader(Logs([line("order_creator_record", "order recorded", 1)]), table, [])
    reader.refresh([])
    assert table.asked == []
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


def test_mails_are_read_once_and_known_by_kind_time_and_order(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path)
    assert folder.refresh() == []
    names = ["1795556580022437161-ccacf7e3", "1795556580857395336-17755028", "1795556590000000000-00000000"]
    subjects = ["New order ORD-2026-00001 of a", "Your order ORD-2026-00001", "Order ORD-2026-00001: we have it"]
    for name, subject in zip(names, subjects, strict=True):
        put_mail(tmp_path, name, subject)
    (tmp_path / "..hidden.eml").write_text("no mail of the catcher's")
    fresh = folder.refresh()
    assert [mail.kind for mail in fresh] == [INTERNAL, CONFIRMATION, STATUS]
    assert fresh[0].moment == datetime.fromtimestamp(1795556580.022437, UTC)
    assert folder.refresh() == []
    assert [mail.name for mail in folder.newest(2)] == names[:0:-1]
    assert [mail.name for mail in folder.of_order("ORD-2026-00001")] == names
    assert folder.get("../secret") is None
    content = folder.content(fresh[0])
    assert content.text.strip() == "Good day"
    assert "<b>day</b>" in content.html
    assert "Subject: New order" in content.source
    assert [part.get_filename() for part in content.attachments] == ["x.pdf"]
    (tmp_path / f"{names[0]}.eml").unlink()
    folder.refresh()
    assert folder.get(names[0]) is None


def test_a_message_shows_its_envelope_and_any_other_text_is_shown_as_it_is() -> None:
    envelope = {"eventType": "OrderRecorded", "correlationId": "c-1", "payload": {"orderId": ID}}
    attributes = {"SentTimestamp": "1795556580022"}
    found = message_of({"MessageId": "m", "Body": json.dumps(envelope), "ReceiveCount": 3, "Attributes": attributes})
    assert (found.event_type, found.correlation_id, found.order_id, found.tries) == ("OrderRecorded", "c-1", ID, 3)
    assert found.sent == datetime.fromtimestamp(1795556580.022, UTC)
    assert '\n  "eventType"' in found.body
    for body in ("not JSON", "[" * 100_000, "[1]", "null", '{"payload": []}'):
        shown = message_of({"MessageId": "m", "Body": body})
        assert (shown.event_type, shown.order_id) == ("", "")
        assert "".join(shown.body.split()) == "".join(body.split())
