"""The repository on a real table: numbers under concurrency, paging, optimistic locking."""

from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from common import clients
from common.errors import OrderRejectedError, RejectionCode, StaleVersionError, TransientError
from common.order import MAX_HISTORY, Order, OrderDraft, OrderItem, OrderUpdate
from common.repository import Accepted, OrderFilter, OrderRepository, Page
from common.settings import settings
from common.status import OrderStatus
from common.table_items import attributes_of, item_size
from localstack.aws import Aws
from tests.support.samples import CREATED, draft, rejected_order


@pytest.fixture
def repository(aws: Aws) -> OrderRepository:
    """The repository of the engine's table."""
    return OrderRepository(aws.dynamodb, settings.orders_table)


@pytest.fixture
def tenant_id() -> str:
    """A tenant that only this test uses."""
    return f"tenant-{uuid4().hex[:8]}"


def read_pages(page: Callable[[str | None], Page]) -> list[Order]:
    """All orders of a list, page by page."""
    first = page(None)
    orders, position = list(first.orders), first.position
    while position:
        following = page(position)
        orders += following.orders
        assert following.position != position
        position = following.position
    return orders


def test_get_recorded_order_is_equal(repository: OrderRepository, tenant_id: str) -> None:
    """An order is read as it was written, by its tenant or by its id."""
    order = repository.record(draft(tenant_id)).order
    assert repository.get(tenant_id, order.id) == order
    assert repository.get_by_id(order.id) == order
    assert repository.get("tenant-other", order.id) is None
    assert repository.get_by_id(uuid4()) is None


def test_record_concurrent_numbers_have_no_gap(repository: OrderRepository) -> None:
    """Concurrent writers and redeliveries leave no gap and no duplicate in the numbers."""
    # A year that only this test uses has its own counter.
    drafts = [draft(date_created=datetime(2031, 5, 1, tzinfo=UTC)) for _ in range(30)]
    again = [*drafts, *drafts[:10]]
    with ThreadPoolExecutor(max_workers=8) as pool:
        written = list(pool.map(repository.record, again))
    recorded = [one.order for one in written]
    assert sum(one.is_new for one in written) == len(drafts)
    assert sorted({str(order.order_number) for order in recorded}) == [f"ORD-2031-{n:05d}" for n in range(1, 31)]
    for first, second in zip(recorded, recorded[30:], strict=False):
        assert first == second


def test_record_each_year_starts_at_one(repository: OrderRepository) -> None:
    """Numbers start at 1 in each South African year."""
    last = repository.record(draft(date_created=datetime(2032, 12, 31, 21, 59, tzinfo=UTC))).order
    first = repository.record(draft(date_created=datetime(2032, 12, 31, 22, 0, tzinfo=UTC))).order
    assert (last.order_number, first.order_number) == ("ORD-2032-00001", "ORD-2033-00001")


def test_record_contended_counter_is_transient(repository: OrderRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that others always change first is a transient error."""
    monkeypatch.setattr("common.repository._MAX_BACKOFF_SECONDS", 0)
    # Always behind, as if another writer were faster each time.
    monkeypatch.setattr(repository, "_last_number", lambda _: 10_000)
    with pytest.raises(TransientError, match="after 30 attempts"):
        repository.record(draft(date_created=datetime(2034, 5, 1, tzinfo=UTC)))


def test_record_other_failure_is_not_retried(tenant_id: str) -> None:
    """Another failure of the transaction is not retried."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        OrderRepository(clients.dynamodb(), "no-such-table").record(draft(tenant_id))


def test_accepted_marker_is_replaced_by_the_record(repository: OrderRepository, tenant_id: str) -> None:
    """An accepted order is found as such until it is recorded or rejected, and is in no list."""
    numbered, refused = draft(tenant_id), rejected_order(tenant_id=tenant_id)
    for order_id in (numbered.id, refused.id):
        repository.mark_accepted(tenant_id, order_id, CREATED)
        assert repository.find(tenant_id, order_id) == Accepted(order_id)
        assert repository.get(tenant_id, order_id) is None
        assert repository.get_by_id(order_id) is None
    assert repository.find("tenant-other", numbered.id) is None
    assert read_pages(lambda position: repository.list_all(tenant_id, 1, position)) == []
    assert repository.list_by_date(tenant_id, 10, OrderFilter()).orders == []
    recorded = repository.record(numbered)
    assert recorded.is_new
    assert repository.find(tenant_id, numbered.id) == recorded.order
    assert repository.reject(refused).is_new
    assert repository.find(tenant_id, refused.id) == refused


def test_accepted_marker_changes_no_record(repository: OrderRepository, tenant_id: str) -> None:
    """A marker that comes after the record changes nothing."""
    order, refused = (
        repository.record(draft(tenant_id)).order,
        repository.reject(rejected_order(tenant_id=tenant_id)).order,
    )
    for each in (order, refused):
        repository.mark_accepted(tenant_id, each.id, CREATED)
        assert repository.find(tenant_id, each.id) == each


def test_recorded_and_rejected_orders_stay(repository: OrderRepository, tenant_id: str) -> None:
    """A recorded order cannot be rejected any more, and a rejected one cannot be recorded."""
    order = repository.record(draft(tenant_id)).order
    again = repository.reject(rejected_order(tenant_id=tenant_id, order_id=order.id))
    assert (again.order, again.is_new) == (order, False)
    refused = repository.reject(rejected_order(tenant_id=tenant_id)).order
    recorded = repository.record(draft(tenant_id, order_id=refused.id))
    assert (recorded.order, recorded.is_new) == (refused, False)
    assert repository.list_by_date(tenant_id, 10, OrderFilter(status=OrderStatus.REJECTED)).orders == [refused]


def test_record_largest_order_has_room_for_changes(repository: OrderRepository, tenant_id: str) -> None:
    """The largest order that is recorded can be changed as often as its history holds, and invoiced."""

    def lines(size: int) -> list[OrderItem]:
        line = {"productId": "p-1", "name": "é" * 200, "quantity": 1, "unitPrice": "1.00", "lineTotal": "1.00"}
        return [OrderItem.parse_obj(line)] * size

    def is_recorded(size: int) -> bool:
        try:
            repository.record(draft(tenant_id, items=lines(size)))
            return True
        except OrderRejectedError:
            return False

    # The number of lines that are the first too many.
    size = bisect_left(range(1_000), True, key=lambda size: not is_recorded(size))
    with pytest.raises(OrderRejectedError, match=RejectionCode.ORDER_TOO_LARGE):
        repository.record(draft(tenant_id, items=lines(size)))
    order = repository.record(draft(tenant_id, items=lines(size - 1))).order
    assert item_size(attributes_of(order)) > 380 * 1024
    payment = {"method": "INSTANT_EFT", "transactionId": "t" * 64, "paidAt": "2026-11-24T10:00:00.000001Z"}
    change = OrderUpdate.parse_obj({"paymentDetails": payment})
    for version in range(1, MAX_HISTORY + 5):
        order = repository.update(order.change(change, expected_version=version, by="u" * 64, at=datetime.now(UTC)))
    assert len(order.history) == MAX_HISTORY
    repository.set_invoice_key(tenant_id, order.id, f"{'t' * 64}/orders/order_{order.id}.pdf")
    stored = repository.get(tenant_id, order.id)
    assert stored is not None
    assert item_size(attributes_of(stored)) < 400 * 1024


def test_list_all_pages_have_every_order(repository: OrderRepository, tenant_id: str) -> None:
    """All orders of a tenant can be read in pages."""
    recorded = [repository.record(draft(tenant_id)).order for _ in range(7)]
    found = read_pages(lambda position: repository.list_all(tenant_id, 3, position))
    assert found == sorted(recorded, key=lambda order: str(order.id))


@pytest.mark.parametrize("page_size", [1, 2, 5, 6, 100])
def test_list_by_date_is_newest_first(repository: OrderRepository, tenant_id: str, page_size: int) -> None:
    """Orders are listed newest first, between two dates, in any page size."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    recorded = [repository.record(draft(tenant_id, date_created=start + timedelta(days=day))).order for day in range(6)]
    newest_first = recorded[::-1]

    def listed(**filters: Any) -> list[Order]:
        wanted = OrderFilter(**filters)
        return read_pages(lambda position: repository.list_by_date(tenant_id, page_size, wanted, position))

    assert listed() == newest_first
    assert listed(date_from=recorded[1].date_created, date_to=recorded[4].date_created) == newest_first[1:5]
    assert listed(date_from=start + timedelta(days=9)) == []


def test_list_rare_status_reads_are_bounded(
    repository: OrderRepository, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter on a rare status limits what a page reads, and the pages have every order."""
    monkeypatch.setattr("common.repository.MAX_PAGE_SIZE", 3)
    monkeypatch.setattr("common.repository._MAX_QUERIES_PER_PAGE", 2)
    oldest: OrderDraft = draft(tenant_id, date_created=datetime(2026, 1, 1, tzinfo=UTC), status=OrderStatus.PAID)
    paid = repository.record(oldest).order
    for _ in range(12):
        repository.record(draft(tenant_id))
    wanted = OrderFilter(status=OrderStatus.PAID)
    first = repository.list_by_date(tenant_id, 5, wanted)
    assert first.orders == []
    assert first.position
    assert read_pages(lambda position: repository.list_by_date(tenant_id, 5, wanted, position)) == [paid]


def test_update_stale_version_is_refused(repository: OrderRepository, tenant_id: str) -> None:
    """A change is stored only on the version that it was made from."""
    order = repository.record(draft(tenant_id)).order
    cancelled, expired = (
        order.change(OrderUpdate(status=status), expected_version=1, by="user-2", at=datetime.now(UTC))
        for status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
    )
    changed = repository.update(cancelled)
    assert changed == cancelled
    assert (changed.version, changed.status, changed.previous_status) == (2, "CANCELLED", "PENDING_PAYMENT")
    assert repository.get(tenant_id, order.id) == changed
    with pytest.raises(StaleVersionError):
        repository.update(expired)
