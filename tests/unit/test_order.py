"""The rules of an order: what a change does to it, and which changes it refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from common.errors import InvalidTransitionError, PaymentNotAcceptedError, RefusedError, StaleVersionError
from common.order import MAX_HISTORY, Caller, Order, OrderUpdate
from common.status import OrderStatus
from tests.support.samples import CREATED, order, rejected_order

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


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("PROCESSING", {"paymentDetails": PAYMENT}, "This order is PROCESSING."),
        (
            "PAID",
            {"status": "PROCESSING", "paymentDetails": PAYMENT},
            "This change takes it from PAID to PROCESSING.",
        ),
    ],
)
def test_payment_details_refused_say_in_which_status(status: str, body: dict[str, Any], reason: str) -> None:
    """A refusal of payment details names the statuses that accept them, and what is in the way."""
    with pytest.raises(PaymentNotAcceptedError) as refused:
        order(status=OrderStatus(status)).change(update(**body), expected_version=1, by="user-2", at=LATER)
    rule = "Payment details are accepted only while an order is PENDING_PAYMENT or PAID."
    assert refused.value.detail == f"{rule} {reason}"


def test_change_repeated_is_recognised() -> None:
    """The result of a change is recognised when the same caller repeats it, and not for another change or caller."""
    cancel = update(status="CANCELLED")
    cancelled = order().change(cancel, expected_version=1, by="user-2", at=LATER)
    assert cancelled.is_result_of(cancel, expected_version=1, by="user-2")
    assert not cancelled.is_result_of(cancel, expected_version=2, by="user-2")
    assert not cancelled.is_result_of(cancel, expected_version=1, by="user-3")
    assert not cancelled.is_result_of(update(status="EXPIRED"), expected_version=1, by="user-2")


def test_history_keeps_the_newest_versions() -> None:
    """Each change is added to the history with its version, time, author and what it set; the oldest are dropped."""
    placed = order()
    (first,) = placed.history
    assert (first.version, first.at, first.by, first.status) == (1, CREATED, "user-1", "PENDING_PAYMENT")
    changed = placed
    for version in range(1, MAX_HISTORY + 3):
        payment = {**PAYMENT, "transactionId": f"t-{version}"}
        changed = changed.change(update(paymentDetails=payment), expected_version=version, by="user-2", at=LATER)
    assert [entry.version for entry in changed.history] == [*range(4, MAX_HISTORY + 4)]
    newest = changed.history[-1]
    assert (newest.at, newest.by, newest.status, newest.payment_details) == (
        *(LATER, "user-2", None),
        changed.payment_details,
    )
    assert placed.history == [first]


def test_order_without_history_is_readable() -> None:
    """An order that is older than the history has none, and its next change begins it."""
    old = Order.parse_obj(order().dict(by_alias=True, exclude={"history"}))
    assert old.history == []
    cancelled = old.change(update(status="CANCELLED"), expected_version=1, by="user-2", at=LATER)
    assert [(entry.version, entry.status) for entry in cancelled.history] == [(2, "CANCELLED")]


@pytest.mark.parametrize(
    "changes",
    [
        {"order_number": "ORD-2026-00001"},
        {"rejection": None},
        {"status": OrderStatus.PENDING_PAYMENT},
        {"items": order().items},
        {"invoice_key": "tenant-a/orders/order_1.pdf"},
        {"payment_details": PAYMENT},
    ],
    ids=str,
)
def test_rejected_order_has_rejection_only(changes: dict[str, Any]) -> None:
    """A rejected order has a rejection, and neither number, lines, invoice nor payment."""
    with pytest.raises(ValidationError, match="must have"):
        Order(**{**rejected_order().dict(), **changes})


@pytest.mark.parametrize("changes", [{"order_number": None}, {"rejection": rejected_order().rejection}], ids=str)
def test_other_order_has_number(changes: dict[str, Any]) -> None:
    """An order that is not rejected has a number, and no rejection."""
    with pytest.raises(ValidationError, match="must have either"):
        Order(**{**order().dict(), **changes})


def test_caller_may_access_own_tenant_only() -> None:
    """A caller may access the own tenant; an admin may access every tenant."""
    assert Caller("user-1", "tenant-a", is_admin=False).may_access("tenant-a")
    assert not Caller("user-1", "tenant-a", is_admin=False).may_access("tenant-b")
    assert Caller("boss", "tenant-a", is_admin=True).may_access("tenant-b")
