"""Money, VAT and the price of a cart."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.models import Campaign, CartItem
from common.money import to_cents, vat
from common.pricing import price
from tests.support.samples import CREATED, draft


def _item(quantity: int, unit_price: str) -> CartItem:
    return CartItem.parse_obj({"productId": "p", "name": "n", "quantity": quantity, "unitPrice": unit_price})


def _campaign(percent: str) -> Campaign:
    return Campaign.parse_obj(
        {"code": "C", "name": "n", "discountPercent": percent, "validFrom": CREATED, "validTo": CREATED}
    )


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("0.004", "0.00"), ("0.005", "0.01"), ("1.015", "1.02"), ("2.675", "2.68"), ("-0.005", "-0.01")],
)
def test_cents_round_half_up(exact: str, rounded: str) -> None:
    """Amounts are rounded half up to the cent."""
    assert to_cents(Decimal(exact)) == Decimal(rounded)


AMOUNTS = st.decimals(0, 10**12, places=6, allow_nan=False)


@given(AMOUNTS)
def test_cents_any_amount_rounds_to_nearest(exact: Decimal) -> None:
    """Any amount is rounded to the nearest cent, and up from the middle."""
    # In integers, so that nothing is rounded here.
    millionths = int(exact * 1_000_000)
    assert int(to_cents(exact) * 100) == (millionths + 5_000) // 10_000
    assert to_cents(to_cents(exact)) == to_cents(exact)
    assert to_cents(exact).as_tuple().exponent == -2


@given(st.integers(0, 10**14))
def test_vat_any_amount_is_15_percent(cents: int) -> None:
    """VAT is 15 percent, rounded half up."""
    assert vat(Decimal(cents) / 100) * 100 == (15 * cents + 50) // 100


def test_vat_is_rounded_on_order_only() -> None:
    """VAT is rounded once on the order, not on its lines."""
    # On the lines VAT would be 10 × 0.0045 → 0.00; on the order it is 0.045 → 0.05.
    priced = price([_item(1, "0.03")] * 10, None)
    assert priced.subtotal == Decimal("0.30")
    assert priced.tax == Decimal("0.05")


def test_price_campaign_applies_before_vat() -> None:
    """A campaign's discount is deducted before VAT."""
    priced = price([_item(3, "99.99")], _campaign("12.5"))
    assert priced.subtotal == Decimal("299.97")
    assert priced.discount == Decimal("37.50")
    assert priced.tax == Decimal("39.37")
    assert priced.total == Decimal("301.84")


def test_price_full_discount_is_zero() -> None:
    """A discount of 100 percent makes the order free."""
    priced = price([_item(1, "10.00")], _campaign("100"))
    assert (priced.tax, priced.total) == (Decimal("0.00"), Decimal("0.00"))


@given(
    st.lists(st.tuples(st.integers(1, 1_000), st.decimals(0, 100_000, places=2)), min_size=1, max_size=30),
    st.decimals(0, 100, places=2),
)
def test_price_parts_add_up(lines: list[tuple[int, Decimal]], percent: Decimal) -> None:
    """Subtotal, discount, VAT and total add up to the cent."""
    priced = price([_item(quantity, str(unit)) for quantity, unit in lines], _campaign(str(percent)))
    assert priced.subtotal == sum(quantity * unit for quantity, unit in lines)
    assert priced.total == priced.subtotal - priced.discount + priced.tax
    assert 0 <= priced.discount <= priced.subtotal
    assert priced.tax == vat(priced.subtotal - priced.discount)
    assert all(amount == to_cents(amount) for amount in (priced.discount, priced.tax, priced.total))


@pytest.mark.parametrize("lines", [[(2, "999999999999.99")], [(1, "999999999999.99")] * 2])
def test_price_too_large_is_refused(lines: list[tuple[int, str]]) -> None:
    """A price that is larger than an amount can hold is refused."""
    with pytest.raises(ValidationError):
        draft(**vars(price([_item(quantity, unit) for quantity, unit in lines], None)))


@given(
    st.lists(st.tuples(st.integers(1, 100_000), st.decimals(0, 999_999_999_999, places=2)), min_size=1, max_size=30),
    st.decimals(0, 100, places=2),
)
def test_price_any_cart_is_exact_or_refused(lines: list[tuple[int, Decimal]], percent: Decimal) -> None:
    """Any cart is priced exactly, or refused."""
    subtotal = sum((quantity * unit for quantity, unit in lines), Decimal(0))
    try:
        priced = price([_item(quantity, str(unit)) for quantity, unit in lines], _campaign(str(percent)))
    except ValidationError:
        assert any(quantity * unit >= 10**12 for quantity, unit in lines)
    else:
        assert priced.subtotal == subtotal
