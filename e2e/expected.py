"""What tests expect of the service: totals, calculated independently of its code, and problem responses."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import requests

from e2e.tenant import Tenant

CENT = Decimal("0.01")
_INTERNALS = ("Traceback", "pydantic", "boto", "arn:", ".py")


def totals(items: list[dict[str, Any]], percent: int = 0) -> dict[str, str]:
    """Totals of an order: one discount and 15 % VAT on the order, each rounded half up to the cent once."""
    subtotal = sum((Decimal(i["unitPrice"]) * i["quantity"] for i in items), Decimal(0))
    discount = (subtotal * percent / 100).quantize(CENT, ROUND_HALF_UP)
    tax = ((subtotal - discount) * 15 / 100).quantize(CENT, ROUND_HALF_UP)
    amounts = {"subtotal": subtotal, "discount": discount, "tax": tax, "total": subtotal - discount + tax}
    return {name: f"{amount:.2f}" for name, amount in amounts.items()}


def rand(amount: str) -> str:
    """An amount as invoices and mails print it, with plain spaces."""
    return f"R {Decimal(amount):,.2f}".replace(",", " ")


def single_spaced(text: str) -> str:
    """A text with every run of white space as one space."""
    return re.sub(r"\s+", " ", text)


def is_problem(response: requests.Response, status: int) -> bool:
    """Whether a response is an RFC 9457 problem with this status and shows no internals."""
    if response.headers["Content-Type"] != "application/problem+json":
        return False
    problem = response.json()
    return (
        response.status_code == problem["status"] == status
        and {"type", "title", "detail"} <= problem.keys()
        and not any(word in response.text for word in _INTERNALS)
    )


def assert_no_order_yet(tenant: Tenant) -> None:
    """Place an order and check that it is the tenant's first."""
    order = tenant.ordered()
    assert [item["id"] for item in tenant.orders().json()["items"]] == [order["id"]]
