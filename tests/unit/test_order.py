"""The rules of an order: what a change does to it, and which changes it refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from common.errors import InvalidTransitionError, PaymentNotAcceptedError, RefusedError, StaleVersionError
from common.order import Caller, OrderUpdate
from common.status import OrderStatus
from tests.support.samples import order

PAYMENT = {"method": "EFT", "transactionId": "t-1", "paidAt": "2026-11-24T10:00:00Z"}
LATER = datetime(2026, 11, 25, tzinfo=UTC)


def update(**body: Any) -> OrderUpdate:
    """An update from its JSON."""
    return OrderUpdate.parse_obj(body)


def test_change_status_makes_next_version() -> None:
    """A new status makes the next version, which records the previous status, when it changed and who changed it."""
    placed = order()
    paid = placed.change(update(status="PAID", paymentDetails=PAYMENT), expected_version=1, by="user-2", at=LATER)
    assert (paid.version, paid.status, paid.previous_status) == (2, "PAID", "PENDING_PAYMENT")
    assert (paid.last_updated_by, paid.date_last_updated, paid.date_status_changed) == ("user-2", LATER, LATER)
    assert paid.payment_details
    assert paid.has_new_status
    assert placed == order(order_id=placed.id)


def test_change_payment_only_keeps_status() -> None:
    """Payment details alone make the next version, and leave the status and its date."""
    changed = order().change(update(paymentDetails=PAYMENT), expected_version=1, by="user-2", at=LATER)
    assert (changed.version, changed.status, changed.date_status_changed) == (2, "PENDING_PAYMENT", None)
    assert not changed.has_new_status


@pytest.mark.parametrize(
    ("status", "body", "version", "error"),
    [
        ("PENDING_PAYMENT", {"status": "CANCELLED"}, 2, StaleVersionError),
        ("PENDING_PAYMENT", {"status": "COMPLETED"}, 1, InvalidTransitionError),
        ("PENDING_PAYMENT", {"status": "PENDING_PAYMENT"}, 1, InvalidTransitionError),
        ("CANCELLED", {"status": "PAID", "paymentDetails": PAYMENT}, 1, InvalidTransitionError),
        ("PAID", {"status": "PROCESSING", "paymentDetails": PAYMENT}, 1, PaymentNotAcceptedError),
        ("PROCESSING", {"paymentDetails": PAYMENT}, 1, PaymentNotAcceptedError),
    ],
)
def test_change_forbidden_is_refused(
    status: str, body: dict[str, Any], version: int, error: type[RefusedError]
) -> None:
    """A change that the rules forbid is refused, with a text for the caller."""
    with pytest.raises(error) as refused:
        order(status=OrderStatus(status)).change(update(**body), expected_version=version, by="user-2", at=LATER)
    assert refused.value.detail


def test_change_repeated_is_recognised() -> None:
    """The result of a change is recognised when the same caller repeats it, and not for another change or caller."""
    cancel = update(status="CANCELLED")
    cancelled = order().change(cancel, expected_version=1, by="user-2", at=LATER)
    assert cancelled.is_result_of(cancel, expected_version=1, by="user-2")
    assert not cancelled.is_result_of(cancel, expected_version=2, by="user-2")
    assert not cancelled.is_result_of(cancel, expected_version=1, by="user-3")
    assert not cancelled.is_result_of(update(status="EXPIRED"), expected_version=1, by="user-2")


def test_caller_may_access_own_tenant_only() -> None:
    """A caller may access the own tenant; an admin may access every tenant."""
    assert Caller("user-1", "tenant-a", is_admin=False).may_access("tenant-a")
    assert not Caller("user-1", "tenant-a", is_admin=False).may_access("tenant-b")
    assert Caller("boss", "tenant-a", is_admin=True).may_access("tenant-b")
