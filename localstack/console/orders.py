"""How far each order has got, newest first.

Log lines and caught mails say what happened to an order, the table says what it is. The table is queried by index, and
only for tenants whose orders changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from common.order import Order
from common.repository import OrderFilter, OrderRepository
from localstack.console.logs import FunctionLogs, Line
from localstack.mails import CUSTOMER, INTERNAL, Mail
from tooling.agreed_limits import LIMITS

NEWEST = 50
_REMEMBERED = 2_000
_LAST_LIMIT = timedelta(seconds=max(LIMITS.values()))
_HISTORY = timedelta(days=7)
# Invocations that end at the same time may write their lines in any order.
_OVERLAP = timedelta(seconds=1)
# The messages that functions log about an order, and the step that the order has then reached.
STEPS = {
    ("create_order", "order accepted"): "accepted",
    ("order_creator_record", "order recorded"): "recorded",
    ("order_creator_record", "order rejected"): "recorded",
    ("order_pdf_creator", "invoice created"): "invoice",
    ("update_order", "order updated"): "updated",
}


@dataclass
class TrackedOrder:
    """An order, and when it reached each step; `order` is its record in the table, if it has one."""

    order_id: str
    tenant_id: str | None = None
    # Of the request that placed the order; empty while unknown.
    correlation_id: str = ""
    reached: dict[str, datetime] = field(default_factory=dict)
    mailed: dict[str, datetime] = field(default_factory=dict)
    order: Order | None = None

    @property
    def accepted_at(self) -> datetime:
        """When the order was accepted, or the earliest time that is known."""
        if self.order:
            return self.order.date_created
        return min(self.reached.values(), default=datetime.max.replace(tzinfo=UTC))

    @property
    def rejected(self) -> bool:
        """Whether the order was rejected, so that it gets no invoice, and one mail only."""
        return bool(self.order and self.order.rejection)

    @property
    def mail_key(self) -> str:
        """What its mails are found by: their subjects have the order number, and that of a rejection has none."""
        return (self.order and self.order.order_number) or self.correlation_id

    @property
    def done(self) -> bool:
        """Whether all mails are out, so that nothing more happens without a request."""
        return len(self.mailed) == (1 if self.rejected else 2)

    def overdue(self, now: datetime) -> bool:
        """Whether all mails should be out by now."""
        return not self.done and now - self.accepted_at > _LAST_LIMIT

    @property
    def stage(self) -> str:
        """The last step that the order has reached, in one word."""
        if self.rejected:
            return "rejected"
        if self.done:
            return "mailed"
        if "invoice" in self.reached or (self.order and self.order.invoice_key):
            return "invoiced"
        return "recorded" if self.order or "recorded" in self.reached else "accepted"

    def steps(self) -> list[tuple[str, float | None, bool]]:
        """Name, seconds since acceptance (None if unknown), and completion of each later step."""
        times = self.reached | self.mailed
        in_table = {"recorded": self.order is not None, "invoice": bool(self.order and self.order.invoice_key)}
        # Two clocks can make a step seem earlier than the acceptance.
        seconds = {step: max(0.0, (at - self.accepted_at).total_seconds()) for step, at in times.items()}
        later = [step for step in LIMITS if step != "accepted"]
        return [(step, seconds.get(step), step in times or in_table.get(step, False)) for step in later]


class OrderBook:
    """What is known about each order, without I/O."""

    def __init__(self) -> None:
        self._tracked: dict[str, TrackedOrder] = {}
        self._by_number: dict[str, TrackedOrder] = {}
        self._mails: dict[str, list[Mail]] = {}

    def add_line(self, line: Line) -> str | None:
        """Take in a log line; returns the id of the order if the line is news about one."""
        step = STEPS.get((line.function, line.message))
        order_id = str(line.fields.get("order_id", ""))
        if step is None or not is_order_id(order_id):
            return None
        tracked = self._tracked.setdefault(order_id, TrackedOrder(order_id))
        if step == "accepted":
            tracked.tenant_id = str(line.fields.get("tenant_id", "")) or None
            tracked.correlation_id = line.correlation_id
        elif step != "updated" and not tracked.correlation_id:
            tracked.correlation_id = line.correlation_id
        known = tracked.reached.get(step)
        # A redelivered message logs the step again; the first time counts.
        if known and not (step == "updated" and line.at > known):
            return None
        tracked.reached[step] = line.at
        return order_id

    def add_order(self, order: Order) -> None:
        """Take in a record of the table."""
        tracked = self._tracked.setdefault(str(order.id), TrackedOrder(str(order.id)))
        tracked.tenant_id, tracked.order = order.tenant_id, order
        if order.order_number:
            self._by_number[order.order_number] = tracked
        self._match_mails(tracked)

    def add_mail(self, mail: Mail) -> None:
        if mail.kind in (INTERNAL, CUSTOMER):
            self._mails.setdefault(mail.key, []).append(mail)
            tracked = self.find(mail.key)
            if tracked:
                self._match_mails(tracked)

    def _match_mails(self, tracked: TrackedOrder) -> None:
        # Mails outlive a stack, and the next stack numbers its orders from the start.
        since = tracked.accepted_at - timedelta(seconds=1)
        mails = self._mails.get(tracked.mail_key, [])
        # The first mail of each kind counts.
        tracked.mailed = {mail.kind: mail.at for mail in reversed(mails) if mail.at >= since}

    def newest(self, limit: int = NEWEST) -> list[TrackedOrder]:
        return sorted(self._tracked.values(), key=lambda tracked: tracked.accepted_at, reverse=True)[:limit]

    def forget_old(self) -> None:
        """Keep the newest 2,000 orders: a console may run for weeks."""
        for old in self.newest(len(self._tracked))[_REMEMBERED:]:
            del self._tracked[old.order_id]
            if old.order and old.order.order_number:
                self._by_number.pop(old.order.order_number, None)

    def get(self, order_id: str) -> TrackedOrder | None:
        return self._tracked.get(order_id)

    def find(self, text: str) -> TrackedOrder | None:
        """The order with this id, number or correlation id."""
        text = text.strip()
        found = self._tracked.get(text.lower()) or self._by_number.get(text.upper())
        return found or next((t for t in self._tracked.values() if text and t.correlation_id == text), None)


def is_order_id(text: str) -> bool:
    """Whether a text is written as the id of an order."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class OrderReader:
    """Fills an order book from the logs and the table; `tenants` are read at first even if no log names them."""

    def __init__(self, logs: FunctionLogs, repository: OrderRepository, tenants: Iterable[str]) -> None:
        self.book = OrderBook()
        self._logs = logs
        self._repository = repository
        self._since = dict.fromkeys(STEPS, datetime.now(UTC) - _HISTORY)
        self._tenants = set(tenants)

    def refresh(self, new_mails: Iterable[Mail]) -> None:
        """Read what has happened since the last call."""
        changed = set()
        for function, message in STEPS:
            lines = self._logs.lines(function, message, self._since[function, message])
            changed |= {self.book.add_line(line) for line in lines}
            if lines:
                self._since[function, message] = max(line.at for line in lines) - _OVERLAP
        for mail in new_mails:
            self.book.add_mail(mail)
        # Read only the orders that are shown, even if a thousand are new.
        shown = self.book.newest()
        self._tenants |= {t.tenant_id for t in shown if t.order_id in changed and t.tenant_id}
        for tenant in self._tenants:
            for order in self._repository.list_by_date(tenant, NEWEST, OrderFilter()).orders:
                self.book.add_order(order)
        self._tenants = set()
        # Orders of an unknown tenant, or of one with many newer orders.
        for tracked in shown:
            if tracked.order is None and "recorded" in tracked.reached:
                self.look_up(tracked.order_id)
        self.book.forget_old()

    def look_up(self, order_id: str) -> TrackedOrder | None:
        """The order of this id as the table has it now, else as the book has it."""
        if not is_order_id(order_id):
            return None
        order = self._repository.get_by_id(UUID(order_id))
        if order:
            self.book.add_order(order)
        return self.book.get(order_id)
