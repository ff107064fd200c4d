"""The status machine: every transition, allowed and refused, and what a payment needs."""

from typing import Any
from uuid import uuid4

import pytest

from e2e.tenant import Tenant, paid

ALLOWED = {
    "PENDING_PAYMENT": {"PAID", "CANCELLED", "EXPIRED"},
    "PAID": {"PROCESSING", "CANCELLED", "REFUNDED"},
    "PROCESSING": {"COMPLETED", "CANCELLED", "REFUNDED"},
    "COMPLETED": {"REFUNDED"},
    "CANCELLED": set[str](),
    "EXPIRED": set[str](),
    "REFUNDED": set[str](),
    "REJECTED": set[str](),
}
STEPS_TO = {
    "PENDING_PAYMENT": [],
    "PAID": ["PAID"],
    "PROCESSING": ["PAID", "PROCESSING"],
    "COMPLETED": ["PAID", "PROCESSING", "COMPLETED"],
    "CANCELLED": ["CANCELLED"],
    "EXPIRED": ["EXPIRED"],
    "REFUNDED": ["PAID", "REFUNDED"],
    "REJECTED": [],
}


def change_to(status: str) -> dict[str, Any]:
    """The change to a status."""
    return paid() if status == "PAID" else {"status": status}


def order_in(tenant: Tenant, status: str) -> str:
    """The id of a new order, moved to a status."""
    order_id: str = tenant.ordered(cartId=f"cart-{uuid4().hex}" if status == "REJECTED" else None)["id"]
    for step in STEPS_TO[status]:
        response = tenant.change(order_id, change_to(step))
        assert response.status_code == 200, response.text
    return order_id


@pytest.mark.parametrize("status", ALLOWED)
def test_forbidden_transition_is_refused(tenant: Tenant, status: str) -> None:
    """A status change that the status machine forbids is refused, and the order stays as it is."""
    order_id = order_in(tenant, status)
    before = tenant.get(order_id)
    for new in ALLOWED.keys() - ALLOWED[status]:
        response = tenant.change(order_id, change_to(new))
        assert response.status_code == 409, f"{status} to {new}: {response.text}"
        assert response.headers["Content-Type"] == "application/problem+json"
    after = tenant.get(order_id)
    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.json()["status"] == status


@pytest.mark.parametrize(("status", "new"), [(status, new) for status in ALLOWED for new in sorted(ALLOWED[status])])
def test_allowed_transition_is_made(tenant: Tenant, status: str, new: str) -> None:
    """A status change that the status machine allows is made, and the order names its previous status."""
    order_id = order_in(tenant, status)
    response = tenant.change(order_id, change_to(new))
    assert response.status_code == 200, response.text
    after = tenant.get(order_id)
    assert (after.json()["previousStatus"], after.json()["status"]) == (status, new)
    assert after.headers["ETag"] == response.headers["ETag"]


def test_payment_details_are_stored(tenant: Tenant) -> None:
    """A payment is stored with its method, transaction id and time."""
    order_id = tenant.ordered()["id"]
    change = paid()
    details = tenant.change(order_id, change).json()["paymentDetails"]
    assert details["method"] == "EFT"
    assert details["transactionId"] == change["paymentDetails"]["transactionId"]
    assert details["paidAt"] == "2026-11-24T10:00:00.000000Z"


def test_paid_without_payment_details_is_refused(tenant: Tenant) -> None:
    """An order does not become paid without payment details."""
    response = tenant.change(tenant.ordered()["id"], {"status": "PAID"})
    assert response.status_code == 400
    assert "paymentDetails" in response.text
