"""Prices a cart: lines, discount, VAT and total of the order. Prices exclude VAT."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pydantic import ValidationError

from common.errors import PermanentError
from common.events import OrderCreationRequested
from common.field_types import Amount
from common.models import Campaign, Cart, CartItem
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
    requested: OrderCreationRequested, cart: Cart, campaign: Campaign | None, placed_at: datetime
) -> OrderDraft:
    """Make a priced order without a number from a request and its cart.

    A campaign that is not valid when the order is placed is left out: an accepted order is not lost for a lapsed code.
    Raises PermanentError if the cart is another tenant's or in another currency, or costs more than an order can hold.
    """
    request = requested.order
    if cart.tenant_id != requested.tenant_id:
        raise PermanentError(f"cart {request.cart_id} is another tenant's")
    if cart.currency is not request.currency:
        raise PermanentError(f"cart {request.cart_id} is in {cart.currency}, the order in {request.currency}")
    valid = campaign if campaign and campaign.covers(placed_at) else None
    try:
        return OrderDraft(
            **vars(price(cart.items, valid)),
            id=requested.order_id,
            tenant_id=requested.tenant_id,
            customer_email=request.customer_email,
            currency=request.currency,
            campaign=valid,
            billing_address=request.billing_address,
            payment_method=request.payment_method,
            date_created=placed_at,
            date_last_updated=placed_at,
            last_updated_by=requested.created_by,
        )
    except ValidationError:
        # All else was validated before: only an amount can be too large.
        raise PermanentError(f"cart {request.cart_id} costs more than an order can hold") from None
