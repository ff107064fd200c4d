"""The orders of the stack and how far each has come, newest first.

What moves an order is told by the lines that the functions log and by the mails that are caught; what an order is,
by the table. The table is asked for a tenant's newest orders through its index, only for tenants whose orders moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from common.order import Order
from common.repository import OrderFilter, OrderRepository
from localstack.console.logs import FunctionLogs, Line
from localstack.console.mails import CONFIRMATION, INTERNAL, Mail
from tooling.agreed_limits import LIMITS

NEWEST = 50
_REMEMBERED = 2_000
_LAST_LIMIT = timedelta(seconds=max(LIMITS.values()))
_HISTORY = timedelta(days=7)
# Calls that end at the same time write their lines in any order.
_OVERLAP = timedelta(seconds=1)
# The words by which a function tells of an order, and what it is then.
ACCEPTED, RECORDED, INVOICED, UPDATED = "accepted", "recorded", "invoiced", "updated"
MILESTONES = {
    "create_order": ("order accepted", ACCEPTED),
    "order_creator_record": ("order recorded", RECORDED),
    "order_pdf_creator": ("invoice created", INVOICED),
    "update_order": ("order updated", UPDATED),
}


@dataclass
class Tracked:
    """An order on its way.

    Args:
        order_id: of it.
        tenant_id: whose; None until it is known.
        correlation_id: of the request that placed it; empty until it is known.
        moments: when it became accepted, recorded, invoiced and last updated.
        mailed: when the internal mail and the confirmation were caught.
        order: as the table has it; None before.
        revision: grows with each change.
    """

    order_id: str
    tenant_id: str | None = None
    correlation_id: str = ""
    moments: dict[str, datetime] = field(default_factory=dict)
    mailed: dict[str, datetime] = field(default_factory=dict)
    order: Order | None = None
    revision: int = 0

    @property
    def began(self) -> datetime:
        """When it was accepted, or the first that is known of it."""
        if self.order:
            return self.order.date_created
        return min(self.moments.values(), default=datetime.max.replace(tzinfo=UTC))

    @property
    def done(self) -> bool:
        """Whether both mails are out: nothing more happens by itself."""
        return len(self.mailed) == 2

    def overdue(self, now: datetime) -> bool:
        """Whether it should be done by now (R8)."""
        return not self.done and now - self.began > _LAST_LIMIT

    @property
    def stage(self) -> str:
        """The last step that it has reached, in a word."""
        if self.done:
            return "mailed"
        if INVOICED in self.moments or (self.order and self.order.invoice_key):
            return INVOICED
        return RECORDED if self.order or RECORDED in self.moments else ACCEPTED

    def seconds(self, moment: datetime | None) -> float | None:
        """Seconds from the beginning to a moment; none before the beginning, which two clocks can seem to give."""
        return max(0.0, (moment - self.began).total_seconds()) if moment else None


class OrderBook:
    """What is known of each order; asks nobody."""

    def __init__(self) -> None:
        self._tracked: dict[str, Tracked] = {}
        self._by_number: dict[str, Tracked] = {}
        self._mails: dict[str, dict[str, datetime]] = {}

    def note_line(self, line: Line) -> str | None:
        """Take in a line of a function; returns the id of the order that it tells something new of."""
        words, milestone = MILESTONES[line.function]
        order_id = str(line.fields.get("order_id", ""))
        if line.message != words or not _is_uuid(order_id):
            return None
        tracked = self._tracked.setdefault(order_id, Tracked(order_id))
        if milestone == ACCEPTED:
            tracked.tenant_id = str(line.fields.get("tenant_id", "")) or None
            tracked.correlation_id = line.correlation_id
        elif milestone != UPDATED and not tracked.correlation_id:
            tracked.correlation_id = line.correlation_id
        known = tracked.moments.get(milestone)
        # A message that comes again is recorded again; what counts is the first time.
        later = known is None or (milestone == UPDATED and line.moment > known)
        if later:
            tracked.moments[milestone] = line.moment
            tracked.revision += 1
        return order_id if later else None

    def note_order(self, order: Order) -> None:
        """Take in an order of the table."""
        tracked = self._tracked.setdefault(str(order.id), Tracked(str(order.id)))
        tracked.tenant_id = order.tenant_id
        if tracked.order != order:
            tracked.order = order
            tracked.revision += 1
        self._by_number[order.order_number] = tracked
        self._deliver(order.order_number)

    def note_mail(self, mail: Mail) -> None:
        """Take in a mail."""
        if mail.order_number and mail.kind in (INTERNAL, CONFIRMATION):
            self._mails.setdefault(mail.order_number, {}).setdefault(mail.kind, mail.moment)
            self._deliver(mail.order_number)

    def _deliver(self, number: str) -> None:
        tracked, mails = self._by_number.get(number), self._mails.get(number, {})
        # Mails outlive a stack, and the next one begins again with the first number.
        since = tracked.began - timedelta(seconds=1) if tracked else None
        if tracked and since:
            mails = {kind: moment for kind, moment in mails.items() if moment >= since}
            if mails != tracked.mailed:
                tracked.mailed = mails
                tracked.revision += 1

    def newest(self, most: int = NEWEST) -> list[Tracked]:
        """The newest orders, the newest first."""
        return sorted(self._tracked.values(), key=lambda tracked: tracked.began, reverse=True)[:most]

    def forget_old(self) -> None:
        """Keep the newest 2,000: a console may run for weeks."""
        for old in self.newest(len(self._tracked))[_REMEMBERED:]:
            del self._tracked[old.order_id]
            if old.order:
                self._by_number.pop(old.order.order_number, None)

    def get(self, order_id: str) -> Tracked | None:
        """The order of this id, if it is known."""
        return self._tracked.get(order_id)

    def find(self, text: str) -> Tracked | None:
        """The order with this id, number or correlation id."""
        text = text.strip()
        found = self._tracked.get(text.lower()) or self._by_number.get(text.upper())
        return found or next((t for t in self._tracked.values() if text and t.correlation_id == text), None)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class OrderReader:
    """Fills a book from the logs and the table.

    Args:
        logs: of the functions.
        repository: the orders table.
        tenants: whose orders are looked for at first, even if no log has them.
    """

    def __init__(self, logs: FunctionLogs, repository: OrderRepository, tenants: Iterable[str]) -> None:
        self.book = OrderBook()
        self._logs = logs
        self._repository = repository
        self._since = dict.fromkeys(MILESTONES, datetime.now(UTC) - _HISTORY)
        self._wanted = set(tenants)

    def refresh(self, fresh_mails: Iterable[Mail]) -> None:
        """Take in what has happened since the last time."""
        touched = set()
        for function, (words, _) in MILESTONES.items():
            lines = self._logs.lines(function, words, self._since[function])
            touched |= {self.book.note_line(line) for line in lines}
            if lines:
                self._since[function] = max(line.moment for line in lines) - _OVERLAP
        for mail in fresh_mails:
            self.book.note_mail(mail)
        # Of a thousand new orders only those are read that are shown.
        shown = self.book.newest()
        self._wanted |= {t.tenant_id for t in shown if t.order_id in touched and t.tenant_id}
        for tenant in self._wanted:
            for order in self._repository.list_by_date(tenant, NEWEST, OrderFilter()).orders:
                self.book.note_order(order)
        self._wanted = set()
        # Those whose tenant is not known, or has many that are newer.
        for tracked in shown:
            if tracked.order is None and RECORDED in tracked.moments:
                self.look_up(tracked.order_id)
        self.book.forget_old()

    def look_up(self, order_id: str) -> Tracked | None:
        """The order of this id: from the book, else from the table; as the table has it now."""
        if not _is_uuid(order_id):
            return None
        order = self._repository.get_by_id(UUID(order_id))
        if order:
            self.book.note_order(order)
        return self.book.get(order_id)
