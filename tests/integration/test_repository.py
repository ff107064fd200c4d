"""The repository on a real table: numbers under concurrency, paging, optimistic locking."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from common.errors import StaleVersionError
from common.order import Order, OrderDraft, OrderUpdate
from common.repository import Accepted, OrderFilter, OrderRepository, Page
from common.settings import settings
from common.status import OrderStatus
from localstack.aws import Aws
from tests.support.records import record, reject
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
    order = record(draft(tenant_id)).order
    assert repository.get(tenant_id, order.id) == order
    assert repository.get_by_id(order.id) == order
    assert repository.get("tenant-other", order.id) is None
    assert repository.get_by_id(uuid4()) is None


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
    recorded = record(numbered)
    assert recorded.is_new
    assert repository.find(tenant_id, numbered.id) == recorded.order
    assert reject(refused).is_new
    assert repository.find(tenant_id, refused.id) == refused


def test_accepted_marker_changes_no_record(repository: OrderRepository, tenant_id: str) -> None:
    """A marker that comes after the record changes nothing."""
    order, refused = (
        record(draft(tenant_id)).order,
        reject(rejected_order(tenant_id=tenant_id)).order,
    )
    for each in (order, refused):
        repository.mark_accepted(tenant_id, each.id, CREATED)
        assert repository.find(tenant_id, each.id) == each


def test_list_all_pages_have_every_order(repository: OrderRepository, tenant_id: str) -> None:
    """All orders of a tenant can be read in pages."""
    recorded = [record(draft(tenant_id)).order for _ in range(7)]
    found = read_pages(lambda position: repository.list_all(tenant_id, 3, position))
    assert found == sorted(recorded, key=lambda order: str(order.id))


@pytest.mark.parametrize("page_size", [1, 2, 5, 6, 100])
def test_list_by_date_is_newest_first(repository: OrderRepository, tenant_id: str, page_size: int) -> None:
    """Orders are listed newest first, between two dates, in any page size."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    recorded = [record(draft(tenant_id, date_created=start + timedelta(days=day))).order for day in range(6)]
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
    paid = record(oldest).order
    for _ in range(12):
        record(draft(tenant_id))
    wanted = OrderFilter(status=OrderStatus.PAID)
    first = repository.list_by_date(tenant_id, 5, wanted)
    assert first.orders == []
    assert first.position
    assert read_pages(lambda position: repository.list_by_date(tenant_id, 5, wanted, position)) == [paid]


def test_update_stale_version_is_refused(repository: OrderRepository, tenant_id: str) -> None:
    """A change is stored only on the version that it was made from."""
    order = record(draft(tenant_id)).order
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
