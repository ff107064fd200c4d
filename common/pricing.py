"""Prices a cart: lines, discount, VAT and total of the order. Prices exclude VAT."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pydantic import ValidationError

from common.errors import OrderRejectedError, RejectionCode
from common.events import OrderCreationRequested
from common.field_types import Amount
from common.models import Campaign, Cart, CartItem
from common.money import to_cents, vat
from common.order import Order, OrderDraft, OrderItem


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
    Raises OrderRejectedError if the cart is in another currency than the order, or costs more than an order can hold.
    """
    if cart.currency != requested.order.currency.value:
        reason = f"cart {cart.cart_id} is in {cart.currency}, the order in {requested.order.currency}"
        raise OrderRejectedError(RejectionCode.CURRENCY_MISMATCH, reason)
    valid = campaign if campaign and campaign.covers(placed_at) else None
    try:
        return _draft(requested, price(cart.items, valid), valid, placed_at)
    except ValidationError:
        # All else was validated before: only an amount can be too large.
        reason = f"cart {cart.cart_id} costs more than an order can hold"
        raise OrderRejectedError(RejectionCode.ORDER_TOO_LARGE, reason) from None


def rejected_order(requested: OrderCreationRequested, error: OrderRejectedError, placed_at: datetime) -> Order:
    """Make the order that is kept of a request that was rejected: it has no lines, and costs nothing."""
    return Order.rejected(_draft(requested, price([], None), None, placed_at), error, requested.order.cart_id)


def _draft(
    requested: OrderCreationRequested, priced: Price, campaign: Campaign | None, placed_at: datetime
) -> OrderDraft:
    request = requested.order
    return OrderDraft(
        **vars(priced),
        id=requested.order_id,
        tenant_id=requested.tenant_id,
        customer_email=request.customer_email,
        currency=request.currency,
        campaign=campaign,
        billing_address=request.billing_address,
        payment_method=request.payment_method,
        date_created=placed_at,
        date_last_updated=placed_at,
        last_updated_by=requested.created_by,
    )
