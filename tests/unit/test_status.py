"""The status machine, compared with a second list written by hand."""

import itertools

import pytest

from common.status import OrderStatus, can_transition

# The agreed transitions.
ALLOWED = {
    ("PENDING_PAYMENT", "PAID"),
    ("PAID", "PROCESSING"),
    ("PROCESSING", "COMPLETED"),
    ("PENDING_PAYMENT", "CANCELLED"),
    ("PENDING_PAYMENT", "EXPIRED"),
    ("PAID", "CANCELLED"),
    ("PROCESSING", "CANCELLED"),
    ("PAID", "REFUNDED"),
    ("PROCESSING", "REFUNDED"),
    ("COMPLETED", "REFUNDED"),
}


@pytest.mark.parametrize(("current", "new"), list(itertools.product(OrderStatus, OrderStatus)))
def test_transition_is_allowed_only_if_agreed(current: OrderStatus, new: OrderStatus) -> None:
    """A transition is allowed if and only if it was agreed."""
    assert can_transition(current, new) is ((current, new) in ALLOWED)
