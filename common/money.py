"""Money: Decimal rand with two decimal places, never float."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
VAT_RATE = Decimal("0.15")


def to_cents(amount: Decimal) -> Decimal:
    """Round an amount in rand half up to the cent.

    >>> to_cents(Decimal("0.005"))
    Decimal('0.01')
    """
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def vat(net: Decimal) -> Decimal:
    """South African VAT of a net amount in rand, rounded half up to the cent."""
    return to_cents(net * VAT_RATE)
