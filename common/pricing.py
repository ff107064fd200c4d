"""Cart and campaign to lines and totals (R3); prices are exclusive of VAT."""

from dataclasses import dataclass
from decimal import Decimal

from common.models import Amount, Campaign, CartItem, OrderItem
from common.money import to_cents, vat


@dataclass(frozen=True)
class Price:
    """The lines and totals of an order, in rand."""

    items: list[OrderItem]
    subtotal: Amount
    discount: Amount
    tax: Amount
    total: Amount


def price(cart_items: list[CartItem], campaign: Campaign | None) -> Price:
    """Price a cart.

    The campaign takes its percentage off the subtotal; VAT is charged on what remains. Discount and VAT are each
    rounded half up to the cent once, on the order and never on a line (R3).

    Raises:
        ValidationError: a line costs more than an amount can hold.
    """
    items = [OrderItem(**item.dict(), line_total=Amount(item.quantity * item.unit_price)) for item in cart_items]
    subtotal = sum((item.line_total for item in items), Decimal(0))
    percent = campaign.discount_percent if campaign else Decimal(0)
    discount = to_cents(subtotal * percent / 100)
    tax = vat(subtotal - discount)
    total = subtotal - discount + tax
    return Price(items, Amount(to_cents(subtotal)), Amount(discount), Amount(tax), Amount(to_cents(total)))
