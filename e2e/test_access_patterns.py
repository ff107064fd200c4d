"""The five access patterns of R3 on the real table, and paging (R5)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.models import Order
from common.repository import OrderRepository, attributes_of
from common.status import OrderStatus
from e2e.tenant import Tenant
from tests.support import samples
from tooling.polling import poll

ORDERS = 120
# A transaction takes no more.
TOGETHER = 100
FIRST = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def repository(tenant: Tenant) -> OrderRepository:
    """The repository of the stack's table."""
    return OrderRepository(tenant.platform.aws.dynamodb, tenant.platform.outputs["orders_table"])


@pytest.fixture
def history(tenant: Tenant) -> list[Order]:
    """120 orders, one each hour, every tenth of them paid; newest first."""
    client, table = tenant.platform.aws.dynamodb, tenant.platform.outputs["orders_table"]

    def recorded(number: int) -> Order:
        created = FIRST + timedelta(hours=number)
        status = OrderStatus.PAID if number % 10 == 0 else OrderStatus.PENDING_PAYMENT
        changes = {"date_created": created, "date_last_updated": created, "status": status}
        return samples.order(f"ORD-2026-{number:05}", tenant_id=tenant.id, **changes)

    orders = [recorded(number) for number in range(ORDERS)]
    # As they are on record, since the service takes a number for each of them alone.
    for first in range(0, ORDERS, TOGETHER):
        items = [attributes_of(each) for each in orders[first : first + TOGETHER]]
        client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}} for item in items])
    newest = str(orders[-1].id)

    def indexed() -> bool | None:
        return [item["id"] for item in tenant.orders(pageSize=1).json()["items"]] == [newest] or None

    poll("the newest order in the index", indexed, 30)
    return orders[::-1]


def walk(tenant: Tenant, **parameters: Any) -> list[list[str]]:
    """The ids of all pages of a list."""
    pages: list[list[str]] = []
    token: str | None = None
    while True:
        answer = tenant.orders(**parameters, **({"startAt": token} if token else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        pages.append([item["id"] for item in page["items"]])
        token = page.get("startAt")
        assert page["moreAvailable"] is (token is not None)
        if token is None:
            return pages
        assert len(pages) <= ORDERS, "the list does not end"


def ids(orders: list[Order]) -> list[str]:
    """The ids of orders, as text."""
    return [str(order.id) for order in orders]


def test_ap1_one_order_of_a_tenant(tenant: Tenant, repository: OrderRepository) -> None:
    """AP1: one order of a tenant."""
    order = repository.record(samples.draft(tenant.id)).order
    answer = tenant.get(str(order.id))
    assert answer.json()["orderNumber"] == order.order_number
    assert repository.get(tenant.id, order.id) == order


def test_ap2_all_orders_of_a_tenant(tenant: Tenant, repository: OrderRepository, history: list[Order]) -> None:
    """AP2: all orders of a tenant."""
    found: list[Order] = []
    position = None
    for _ in range(ORDERS):
        page = repository.list_all(tenant.id, 50, position)
        found += page.orders
        position = page.position
        if position is None:
            break
    assert sorted(ids(found)) == sorted(ids(history))


@pytest.mark.parametrize(
    ("size", "pages"), [(None, [50, 50, 20]), (100, [100, 20]), (60, [60, 60]), (7, [7] * 17 + [1])]
)
def test_ap3_newest_first_in_pages(tenant: Tenant, history: list[Order], size: int | None, pages: list[int]) -> None:
    """AP3: newest first, in pages."""
    found = walk(tenant, **({"pageSize": size} if size else {}))
    assert [order_id for page in found for order_id in page] == ids(history)
    assert [len(page) for page in found] == pages


def test_ap3_between_dates(tenant: Tenant, history: list[Order]) -> None:
    """AP3: orders between dates."""
    first, last = FIRST + timedelta(hours=10), FIRST + timedelta(hours=30)
    found = walk(tenant, dateFrom=first.isoformat(), dateTo=last.isoformat(), pageSize=10)
    wanted = [order for order in history if first <= order.date_created <= last]
    assert len(wanted) == 21
    assert [order_id for page in found for order_id in page] == ids(wanted)


def test_ap4_by_id_across_tenants_is_for_admins(make_tenant: Callable[..., Tenant], history: list[Order]) -> None:
    """AP4: by id across tenants, for admins only."""
    admin, stranger = make_tenant(group="admin"), make_tenant()
    wanted = str(history[0].id)
    assert UUID(admin.get(wanted).json()["id"]) == history[0].id
    assert stranger.get(wanted).status_code == 404


def test_ap5_by_status(tenant: Tenant, history: list[Order]) -> None:
    """AP5: orders by status."""
    found = walk(tenant, status="PAID", pageSize=5)
    wanted = [order for order in history if order.status is OrderStatus.PAID]
    assert len(wanted) == 12
    assert [order_id for page in found for order_id in page] == ids(wanted)
    assert walk(tenant, status="REFUNDED") == [[]]


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({"pageSize": "0"}, {"pageSize"}),
        ({"pageSize": "101"}, {"pageSize"}),
        ({"pageSize": "-1"}, {"pageSize"}),
        ({"pageSize": "ten"}, {"pageSize"}),
        ({"pageSize": "1e1"}, {"pageSize"}),
        ({"pageSize": "٣"}, {"pageSize"}),
        ({"status": "paid"}, {"status"}),
        ({"dateFrom": "2026-11-24"}, {"dateFrom"}),
        ({"dateFrom": "2026-11-25T00:00:00Z", "dateTo": "2026-11-24T00:00:00Z"}, {"dateFrom"}),
        ({"startAt": "x"}, {"startAt"}),
        ({"startAt": "A" * 5_000}, {"startAt"}),
        ({"page": "2"}, {"page"}),
        ({"pageSize": "0", "status": "x", "startAt": "x"}, {"pageSize", "status", "startAt"}),
    ],
)
def test_every_wrong_parameter_is_named(tenant: Tenant, parameters: dict[str, str], fields: set[str]) -> None:
    answer = tenant.orders(**parameters)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == fields


def test_a_token_goes_on_in_its_own_list_only(tenant: Tenant, history: list[Order]) -> None:
    token = tenant.orders(pageSize=10).json()["startAt"]
    answer = tenant.orders(pageSize=10, status="PAID", startAt=token)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "startAt"
