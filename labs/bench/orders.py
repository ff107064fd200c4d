"""Orders of the bench's own tenants: as the service would have written them, without its way there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from common.field_types import Identifier
from common.models import Cart, OrderRequest
from common.numbering import format_number
from common.order import Order, OrderDraft
from common.pricing import price
from common.repository import attributes_of
from common.status import OrderStatus
from localstack import demo
from localstack.sidecars.cart_stub import FIXTURES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAMESPACE = UUID("7d0c1f52-95f5-5c0a-8a3b-2f6e4a1c9b3d")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# BatchWriteItem takes no more.
_BATCH = 25
# One waits for the engine while the other prepares its batch.
_WORKERS = 2
# One order in so many has another status than the rest.
SELDOM_EVERY = 1_000
SELDOM = OrderStatus.REFUNDED


def draft(tenant: str, number: int, created: datetime, status: OrderStatus = OrderStatus.PENDING_PAYMENT) -> OrderDraft:
    """An order of the first fixture's cart that has no order number yet.

    Args:
        tenant: whose.
        number: of the order among the tenant's; the same number gives the same order.
        created: when.
        status: of it.
    """
    asked = OrderRequest.parse_obj(demo.request(f"buyer@{tenant}.example", f"cart-{number}"))
    cart = Cart.parse_obj(json.loads((FIXTURES / "carts.json").read_text())[0])
    priced = price(cart.items, campaign=None)
    return OrderDraft(
        id=uuid5(_NAMESPACE, f"{tenant}/{number}"),
        tenant_id=Identifier(tenant),
        customer_email=asked.customer_email,
        items=priced.items,
        subtotal=priced.subtotal,
        discount=priced.discount,
        tax=priced.tax,
        total=priced.total,
        currency=asked.currency,
        status=status,
        billing_address=asked.billing_address,
        payment_method=asked.payment_method,
        date_created=created,
        date_last_updated=created,
        last_updated_by="bench",
    )


def orders(tenant: str, numbers: range) -> Iterator[Order]:
    """The orders of these numbers, a second from one to the next; one in `SELDOM_EVERY` is `SELDOM`."""
    model = Order(**draft(tenant, 0, _BEGIN).dict(), order_number="")
    for number in numbers:
        created = _BEGIN + timedelta(seconds=number)
        # Copied, not validated: a hundred thousand times the same lines and address.
        yield model.copy(
            update={
                "id": uuid5(_NAMESPACE, f"{tenant}/{number}"),
                "order_number": format_number(created.year, number + 1),
                "date_created": created,
                "date_last_updated": created,
                "status": model.status if number % SELDOM_EVERY else SELDOM,
            }
        )


def write(client: DynamoDBClient, table: str, tenant: str, count: int, written: Callable[[int], None]) -> None:
    """Put so many orders of a tenant into the table.

    Args:
        client: of DynamoDB.
        table: name of the orders table.
        tenant: whose.
        count: of orders.
        written: told after each batch how many it had.
    """
    _in_batches(client, table, count, lambda numbers: [_put(order) for order in orders(tenant, numbers)], written)


def remove(client: DynamoDBClient, table: str, tenant: str, count: int, removed: Callable[[int], None]) -> None:
    """Take so many orders of a tenant out of the table; told after each batch how many it had."""

    def deletions(numbers: range) -> list[dict[str, Any]]:
        return [_delete(tenant, uuid5(_NAMESPACE, f"{tenant}/{number}")) for number in numbers]

    _in_batches(client, table, count, deletions, removed)


def _put(order: Order) -> dict[str, Any]:
    return {"PutRequest": {"Item": attributes_of(order)}}


def _delete(tenant: str, order_id: UUID) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": {"PK": {"S": f"TENANT#{tenant}"}, "SK": {"S": f"ORDER#{order_id}"}}}}


def _in_batches(
    client: DynamoDBClient,
    table: str,
    count: int,
    requests: Callable[[range], list[Any]],
    done: Callable[[int], None],
) -> None:
    def batch(first: int) -> None:
        numbers = range(first, min(first + _BATCH, count))
        left: Any = {table: requests(numbers)}
        while left:
            left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]
        done(len(numbers))

    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in pool.map(batch, range(0, count, _BATCH)):
            pass
