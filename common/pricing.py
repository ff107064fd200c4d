"""Prices a cart: lines, discount, VAT and total of the order. Prices exclude VAT."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import ValidationError

from common.errors import PermanentError
from common.field_types import Amount, Identifier
from common.models import Campaign, Cart, CartItem, OrderRequest
from common.money import to_cents, vat
from common.order import OrderDraft, OrderItem


@dataclass(frozen=True)
class Price:
    """The lines and totals of an order, in rand."""

    items: list[OrderItem]
    subtotal: Amount
    discount: Amount
    tax: Amount
    total: Amount


def price(cart_items: list[CartItem], campaign: Campaign | None) -> Price:
    """Price the lines of a cart.

    The campaign takes its percentage off the subtotal; VAT is charged on the rest. Discount and VAT are each rounded
    half up to the cent once, on the order and not on its lines. Raises ValidationError if a line costs more than an
    amount can hold.
    """
    items = [OrderItem(**item.dict(), line_total=Amount(item.quantity * item.unit_price)) for item in cart_items]
    subtotal = sum((item.line_total for item in items), Decimal(0))
    percent = campaign.discount_percent if campaign else Decimal(0)
    discount = to_cents(subtotal * percent / 100)
    tax = vat(subtotal - discount)
    total = subtotal - discount + tax
    return Price(items, Amount(to_cents(subtotal)), Amount(discount), Amount(tax), Amount(to_cents(total)))


def draft_order(
    request: OrderRequest,
    cart: Cart,
    campaign: Campaign | None,
    *,
    order_id: UUID,
    tenant_id: str,
    placed_at: datetime,
    placed_by: str,
) -> OrderDraft:
    """Make a priced order without a number from a request and its cart.

    A campaign that is not valid when the order is placed is left out: an accepted order is not lost for a lapsed code.

    Raises:
        PermanentError: the cart is another tenant's or in another currency, or costs more than an order can hold.
    """
    if cart.tenant_id != tenant_id:
        raise PermanentError(f"cart {request.cart_id} is another tenant's")
    if cart.currency is not request.currency:
        raise PermanentError(f"cart {request.cart_id} is in {cart.currency}, the order in {request.currency}")
    valid = campaign if campaign and campaign.covers(placed_at) else None
    try:
        return OrderDraft(
            **vars(price(cart.items, valid)),
            id=order_id,
            tenant_id=Identifier(tenant_id),
            customer_email=request.customer_email,
            currency=request.currency,
            campaign=valid,
            billing_address=request.billing_address,
            payment_method=request.payment_method,
            date_created=placed_at,
            date_last_updated=placed_at,
            last_updated_by=placed_by,
        )
    except ValidationError:
        # All else was validated before: only an amount can be too large.
        raise PermanentError(f"cart {request.cart_id} costs more than an order can hold") from None
