import itertools

import pytest

from common.status import OrderStatus, can_transition

# R3, written out a second time by hand.
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
def test_a_transition_is_allowed_exactly_when_r3_lists_it(current: OrderStatus, new: OrderStatus) -> None:
    assert can_transition(current, new) is ((current, new) in ALLOWED)
