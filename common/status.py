"""The status machine of an order."""

from enum import StrEnum


class OrderStatus(StrEnum):
    """Status of an order on record. A rejected order stays as it is: no change leads to REJECTED or away from it."""

    PENDING_PAYMENT = "PENDING_PAYMENT"
    PAID = "PAID"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REFUNDED = "REFUNDED"
    REJECTED = "REJECTED"


# Status of an order that is accepted and not recorded yet.
ACCEPTED = "ACCEPTED"


TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING_PAYMENT: frozenset({OrderStatus.PAID, OrderStatus.CANCELLED, OrderStatus.EXPIRED}),
    OrderStatus.PAID: frozenset({OrderStatus.PROCESSING, OrderStatus.CANCELLED, OrderStatus.REFUNDED}),
    OrderStatus.PROCESSING: frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.REFUNDED}),
    OrderStatus.COMPLETED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.REFUNDED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
}

# An order accepts payment details only in these, and only if it stays in them.
PAYMENT_STATUSES = (OrderStatus.PENDING_PAYMENT, OrderStatus.PAID)


def can_transition(current: OrderStatus, new: OrderStatus) -> bool:
    """Whether an order in status `current` can go to status `new`."""
    return new in TRANSITIONS[current]
