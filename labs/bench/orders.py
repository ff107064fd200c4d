"""Orders of the bench's tenants, written straight into the table as the service would have written them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from common.events import OrderCreationRequested
from common.models import Cart, OrderRequest
from common.numbering import format_number
from common.order import Order, OrderDraft
from common.pricing import draft_order
from common.status import OrderStatus
from common.table_items import attributes_of
from labs.customers import ITEMS
from localstack import demo

_NAMESPACE = UUID("7d0c1f52-95f5-5c0a-8a3b-2f6e4a1c9b3d")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# BatchWriteItem takes no more.
_BATCH = 25
# One order in so many has the rare status.
RARE_EVERY, RARE = 1_000, OrderStatus.REFUNDED


def draft(tenant: str, number: int, created: datetime) -> OrderDraft:
    """A priced order without an order number; the same number gives the same order."""
    request = OrderRequest.parse_obj(demo.request(f"buyer@{tenant}.example", f"cart-{number}"))
    cart = Cart.parse_obj({"cartId": request.cart_id, "tenantId": tenant, "currency": "ZAR", "items": ITEMS})
    order_id = uuid5(_NAMESPACE, f"{tenant}/{number}")
    requested = OrderCreationRequested(order_id=order_id, tenant_id=cart.tenant_id, created_by="bench", order=request)
    return draft_order(requested, cart, None, placed_at=created)


def orders(tenant: str, numbers: range) -> Iterator[Order]:
    """Orders of a tenant, one each second; one in RARE_EVERY is RARE."""
    model = Order(**draft(tenant, 0, _BEGIN).dict(), order_number="")
    for number in numbers:
        created = _BEGIN + timedelta(seconds=number)
        # Copied, since validating the same lines and address 100,000 times takes minutes.
        yield model.copy(
            update={
                "id": uuid5(_NAMESPACE, f"{tenant}/{number}"),
                "order_number": format_number(created.year, number + 1),
                "date_created": created,
                "date_last_updated": created,
                "status": model.status if number % RARE_EVERY else RARE,
            }
        )


def write(client: Any, table: str, tenant: str, count: int) -> None:
    """Put a tenant's orders into the orders table with a client of DynamoDB."""

    def batch(first: int) -> None:
        numbers = range(first, min(first + _BATCH, count))
        left: Any = {table: [{"PutRequest": {"Item": attributes_of(order)}} for order in orders(tenant, numbers)]}
        while left:
            left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]

    # One thread prepares a batch while the other waits for the engine.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(batch, range(0, count, _BATCH)))
