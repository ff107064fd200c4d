"""Sample orders, requests and messages."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from common.errors import OrderRejectedError, RejectionCode
from common.events import Envelope, InvoiceCreated, OrderRecorded, OrderRejected, OrderStatusChanged
from common.models import Address, CartItem, OrderRequest
from common.order import Order, OrderDraft
from common.pricing import price
from common.status import OrderStatus

CREATED = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def order_request(**changes: Any) -> dict[str, Any]:
    """The JSON body of a valid POST /v1.0/orders, with changes; a change to None removes the field."""
    body: dict[str, Any] = {
        "customerEmail": "thandi@example.co.za",
        "cartId": "cart-1",
        "billingAddress": address(),
        "paymentMethod": "EFT",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def address(**changes: Any) -> dict[str, Any]:
    """The JSON of a valid billing address, with changes; a change to None removes the field."""
    good = {
        "street": "12 Long Street",
        "city": "Cape Town",
        "province": "Western Cape",
        "postalCode": "8001",
        "country": "ZA",
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


def draft(tenant_id: str = "tenant-a", order_id: UUID | None = None, **changes: Any) -> OrderDraft:
    """A priced order without a number: two lines, 350.00 before VAT."""
    request = OrderRequest.parse_obj(order_request())
    priced = price(
        [
            CartItem.parse_obj({"productId": "p-1", "name": "Rooibos", "quantity": 2, "unitPrice": "100.00"}),
            CartItem.parse_obj({"productId": "p-2", "name": "Honey", "quantity": 1, "unitPrice": "150.00"}),
        ],
        None,
    )
    values: dict[str, Any] = {
        "id": order_id or uuid4(),
        "tenant_id": tenant_id,
        "customer_email": request.customer_email,
        "items": priced.items,
        "subtotal": priced.subtotal,
        "discount": priced.discount,
        "tax": priced.tax,
        "total": priced.total,
        "currency": request.currency,
        "billing_address": Address.parse_obj(address()),
        "payment_method": request.payment_method,
        "date_created": CREATED,
        "date_last_updated": CREATED,
        "last_updated_by": "user-1",
        **changes,
    }
    return OrderDraft(**values)


def order(number: str = "ORD-2026-00001", **changes: Any) -> Order:
    """A recorded order."""
    return Order.of(draft(**changes), number)


def rejected_order(code: RejectionCode = RejectionCode.CART_NOT_FOUND, **changes: Any) -> Order:
    """A rejected order."""
    priced = price([], None)
    return Order.rejected(draft(**vars(priced), **changes), OrderRejectedError(code, "in a test"), "cart-1")


def order_recorded(of: Order, correlation_id: str) -> Envelope:
    """The message that an order was recorded."""
    return Envelope.of(OrderRecorded(tenant_id=of.tenant_id, order_id=of.id), correlation_id)


def invoice_created(of: Order, key: str, correlation_id: str) -> Envelope:
    """The message that the invoice of an order was stored."""
    return Envelope.of(InvoiceCreated(tenant_id=of.tenant_id, order_id=of.id, invoice_key=key), correlation_id)


def order_rejected(of: Order, correlation_id: str) -> Envelope:
    """The message that an order was rejected."""
    return Envelope.of(OrderRejected(tenant_id=of.tenant_id, order_id=of.id), correlation_id)


def order_status_changed(of: Order, from_status: OrderStatus, correlation_id: str) -> Envelope:
    """The message that an order has its current status."""
    event = OrderStatusChanged(
        tenant_id=of.tenant_id, order_id=of.id, from_status=from_status, to_status=of.status, version=of.version
    )
    return Envelope.of(event, correlation_id)
