"""Every status transition, allowed and refused (R3)."""

from typing import Any

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
}
WAY_TO = {
    "PENDING_PAYMENT": [],
    "PAID": ["PAID"],
    "PROCESSING": ["PAID", "PROCESSING"],
    "COMPLETED": ["PAID", "PROCESSING", "COMPLETED"],
    "CANCELLED": ["CANCELLED"],
    "EXPIRED": ["EXPIRED"],
    "REFUNDED": ["PAID", "REFUNDED"],
}


def change_to(status: str) -> dict[str, Any]:
    """The change that asks for a status."""
    return paid() if status == "PAID" else {"status": status}


def order_in(tenant: Tenant, status: str) -> str:
    """A new order in a status, and its id."""
    order_id: str = tenant.ordered()["id"]
    for step in WAY_TO[status]:
        answer = tenant.change(order_id, change_to(step))
        assert answer.status_code == 200, answer.text
    return order_id


@pytest.mark.parametrize("status", ALLOWED)
def test_refused_transitions_change_nothing(tenant: Tenant, status: str) -> None:
    order_id = order_in(tenant, status)
    before = tenant.get(order_id)
    for new in ALLOWED.keys() - ALLOWED[status]:
        answer = tenant.change(order_id, change_to(new))
        assert answer.status_code == 409, f"{status} to {new}: {answer.text}"
        assert answer.headers["Content-Type"] == "application/problem+json"
    after = tenant.get(order_id)
    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.json()["status"] == status


@pytest.mark.parametrize(("status", "new"), [(status, new) for status in ALLOWED for new in sorted(ALLOWED[status])])
def test_allowed_transitions_are_made(tenant: Tenant, status: str, new: str) -> None:
    order_id = order_in(tenant, status)
    answer = tenant.change(order_id, change_to(new))
    assert answer.status_code == 200, answer.text
    after = tenant.get(order_id)
    assert (after.json()["previousStatus"], after.json()["status"]) == (status, new)
    assert after.headers["ETag"] == answer.headers["ETag"]


def test_payment_is_kept_with_its_details(tenant: Tenant) -> None:
    order_id = tenant.ordered()["id"]
    change = paid()
    details = tenant.change(order_id, change).json()["paymentDetails"]
    assert details["method"] == "EFT"
    assert details["transactionId"] == change["paymentDetails"]["transactionId"]
    assert details["paidAt"] == "2026-11-24T10:00:00.000000Z"


def test_paid_without_details_is_refused(tenant: Tenant) -> None:
    answer = tenant.change(tenant.ordered()["id"], {"status": "PAID"})
    assert answer.status_code == 400
    assert "paymentDetails" in answer.text
