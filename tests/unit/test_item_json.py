"""The JSON of an item of the table is the JSON of its model."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.models import Campaign, CartItem
from common.order import Order, PaymentDetails
from common.pricing import price
from common.repository import Page
from common.status import OrderStatus
from common.table_items import attributes_of, item_json
from functions.adapters import rest
from tests.support.samples import order, rejected_order

PAID_AT = datetime(2026, 11, 24, 10, 0, 0, 5, tzinfo=UTC)
CAMPAIGN = Campaign.parse_obj(
    {
        "code": "SPRING10",
        "name": "Spring",
        "discountPercent": "12.50",
        "validFrom": "2026-09-01T00:00:00+02:00",
        "validTo": "2026-11-30T23:59:59.5Z",
    }
)
PAYMENT = PaymentDetails.parse_obj({"method": "EFT", "transactionId": "tx-1", "paidAt": "2026-11-24T12:00:00+02:00"})


def held(value: Any) -> Any:
    """An attribute as DynamoDB returns it: numbers without trailing zeros."""
    if isinstance(value, dict):
        return {key: f"{Decimal(of).normalize():f}" if key == "N" else held(of) for key, of in value.items()}
    return [held(each) for each in value] if isinstance(value, list) else value


def both(wanted: Order, without: str = "") -> tuple[Any, Any]:
    """The JSON of an order's item, and the JSON of its model."""
    item = {name: held(value) for name, value in attributes_of(wanted).items() if name != without}
    responses = [rest.to_json(content) for content in (item_json(Order, item), Page([item], None).orders[0])]
    return json.loads(responses[0]), json.loads(responses[1])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"campaign": CAMPAIGN},
        {"status": OrderStatus.PAID, "previous_status": OrderStatus.PENDING_PAYMENT, "date_status_changed": PAID_AT},
        {"payment_details": PAYMENT, "invoice_key": "tenant-a/orders/order_1.pdf", "version": 10, "active": False},
    ],
    ids=["new", "with a campaign", "of another status", "paid and invoiced"],
)
def test_item_json_equals_model_json(changes: dict[str, Any]) -> None:
    """The JSON of an item equals the JSON of its model, with and without optional fields."""
    found, wanted = both(order(**changes))
    assert found == wanted
    assert found["customerEmail"] == "thandi@example.co.za"


def test_item_json_of_rejected_order_equals_model_json() -> None:
    """The JSON of a rejected order's item equals the JSON of its model: no lines, amounts of 0.00, and the reason."""
    found, wanted = both(rejected_order())
    assert found == wanted
    assert (found["items"], found["total"], found["rejection"]["code"]) == ([], "0.00", "CART_NOT_FOUND")


@pytest.mark.parametrize("field", ["version", "active", "status", "history"])
def test_item_json_missing_field_has_default(field: str) -> None:
    """A field that the item does not have gets its default."""
    found, wanted = both(order(), without=field)
    assert found == wanted
    assert field in found


@given(
    lines=st.lists(
        st.tuples(st.integers(1, 100_000), st.decimals(0, 99_999, places=2), st.text(min_size=1, max_size=50)),
        min_size=1,
        max_size=5,
    )
)
def test_item_json_any_amount_equals_model(lines: list[tuple[int, Decimal, str]]) -> None:
    """Any amounts and names are the same as in the JSON of the model."""
    items = [
        CartItem.parse_obj({"productId": "p", "name": name, "quantity": quantity, "unitPrice": unit})
        for quantity, unit, name in lines
    ]
    priced = price(items, None)
    found, wanted = both(order(items=priced.items, subtotal=priced.subtotal, tax=priced.tax, total=priced.total))
    assert found == wanted


def test_item_json_has_no_table_keys() -> None:
    """The keys of the table are not in the JSON."""
    found, _ = both(order())
    assert not {"PK", "SK", "GSI1_PK", "GSI1_SK", "GSI2_PK", "GSI2_SK"} & set(found)
