"""The five ways to find orders, on the table of the stack, and paging."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.order import Order
from common.repository import OrderRepository
from common.status import OrderStatus
from common.table_items import attributes_of
from e2e.tenant import Tenant
from tooling.polling import poll

ORDERS = 120
# DynamoDB writes at most 100 items in a transaction.
BATCH = 100


@pytest.fixture
def repository(tenant: Tenant) -> OrderRepository:
    """The repository of the stack's table."""
    return OrderRepository(tenant.platform.aws.dynamodb, tenant.platform.outputs["orders_table"])


def list_pages(tenant: Tenant, **parameters: Any) -> list[list[str]]:
    """The order ids of every page of a list."""
    pages: list[list[str]] = []
    token: str | None = None
    while True:
        response = tenant.orders(**parameters, **({"startAt": token} if token else {}))
        assert response.status_code == 200, response.text
        page = response.json()
        pages.append([item["id"] for item in page["items"]])
        token = page.get("startAt")
        assert page["moreAvailable"] is (token is not None)
        if token is None:
            return pages
        assert len(pages) <= ORDERS, "the list does not end"


@pytest.fixture
def history(tenant: Tenant, repository: OrderRepository) -> list[Order]:
    """120 orders of the tenant, one an hour, every tenth of them paid; newest first."""
    newest = repository.get(tenant.id, UUID(tenant.ordered()["id"]))
    assert newest

    def copy(hours: int) -> Order:
        created = newest.date_created - timedelta(hours=hours)
        changes = {
            "id": uuid4(),
            "order_number": f"ORD-{created.year}-{ORDERS - hours:05}",
            "status": OrderStatus.PAID if hours % 10 == 0 else OrderStatus.PENDING_PAYMENT,
            "date_created": created,
            "date_last_updated": created,
        }
        return newest.copy(update=changes)

    copies = [copy(hours) for hours in range(1, ORDERS)]
    client, table = tenant.platform.aws.dynamodb, tenant.platform.outputs["orders_table"]
    # Written straight to the table: the service would number each order in a separate transaction.
    for start in range(0, len(copies), BATCH):
        items = [attributes_of(order) for order in copies[start : start + BATCH]]
        client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}} for item in items])

    def indexed() -> bool | None:
        return sum(map(len, list_pages(tenant, pageSize=100))) == ORDERS or None

    poll("every order in the index", indexed, 30)
    return [newest, *copies]


def ids(orders: list[Order]) -> list[str]:
    """The ids of orders."""
    return [str(order.id) for order in orders]


def test_order_of_a_tenant_is_found(tenant: Tenant, repository: OrderRepository) -> None:
    """A tenant finds one of its orders by its id."""
    order = tenant.ordered()
    found = repository.get(tenant.id, UUID(order["id"]))
    assert found
    assert (str(found.id), found.order_number) == (order["id"], order["orderNumber"])


def test_export_has_every_order(tenant: Tenant, repository: OrderRepository, history: list[Order]) -> None:
    """An export of a tenant's orders has each of them once."""
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
def test_list_is_newest_first(tenant: Tenant, history: list[Order], size: int | None, pages: list[int]) -> None:
    """A list of orders comes newest first, in pages of the requested size."""
    found = list_pages(tenant, **({"pageSize": size} if size else {}))
    assert [order_id for page in found for order_id in page] == ids(history)
    assert [len(page) for page in found] == pages


def test_list_between_dates(tenant: Tenant, history: list[Order]) -> None:
    """A list between two dates has the orders placed in that time, both ends included."""
    first, last = history[30].date_created, history[10].date_created
    found = list_pages(tenant, dateFrom=first.isoformat(), dateTo=last.isoformat(), pageSize=10)
    expected = [order for order in history if first <= order.date_created <= last]
    assert len(expected) == 21
    assert [order_id for page in found for order_id in page] == ids(expected)


def test_order_of_any_tenant_is_for_admins(make_tenant: Callable[..., Tenant], history: list[Order]) -> None:
    """An administrator finds an order of any tenant by its id; another tenant does not."""
    admin, stranger = make_tenant(group="admin"), make_tenant()
    order_id = str(history[0].id)
    assert UUID(admin.get(order_id).json()["id"]) == history[0].id
    assert stranger.get(order_id).status_code == 404


def test_list_by_status(tenant: Tenant, history: list[Order]) -> None:
    """A list of one status has every order in that status and no other."""
    found = list_pages(tenant, status="PAID", pageSize=5)
    expected = [order for order in history if order.status is OrderStatus.PAID]
    assert len(expected) == 11
    assert [order_id for page in found for order_id in page] == ids(expected)
    assert list_pages(tenant, status="REFUNDED") == [[]]


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
def test_list_with_wrong_parameters_is_refused(tenant: Tenant, parameters: dict[str, str], fields: set[str]) -> None:
    """A list with wrong parameters is refused, and the response names each of them."""
    response = tenant.orders(**parameters)
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == fields


def test_page_token_of_another_list_is_refused(tenant: Tenant, history: list[Order]) -> None:
    """A page token continues only the list that it came from."""
    token = tenant.orders(pageSize=10).json()["startAt"]
    response = tenant.orders(pageSize=10, status="PAID", startAt=token)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "startAt"
