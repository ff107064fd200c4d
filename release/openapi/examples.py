"""Example requests and responses: the demo order of fixtures/, priced and changed by the code of the service."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from common import status
from common.events import OrderCreationRequested
from common.models import Campaign, Cart, OrderRequest
from common.numbering import format_number
from common.order import Order, OrderUpdate
from common.pricing import draft_order
from functions.adapters.problem_details import from_refusal, invalid_fields
from functions.adapters.rest import to_json
from tooling.paths import FIXTURES

_USER = "a1b2c3d4-0000-4000-8000-000000000001"
_PLACED, _PAID = datetime(2026, 11, 24, 8, 30, tzinfo=UTC), datetime(2026, 11, 24, 10, 0, 5, tzinfo=UTC)


def _fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def _response(content: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_json(content))
    return found


def _order() -> Order:
    request = OrderRequest.parse_obj(ORDER_REQUEST)
    cart = next(Cart.parse_obj(each) for each in _fixture("carts") if each["cartId"] == request.cart_id)
    campaign = next(Campaign.parse_obj(each) for each in _fixture("campaigns") if each["code"] == request.campaign_code)
    requested = OrderCreationRequested(
        order_id=UUID(ORDER_ID), tenant_id=cart.tenant_id, created_by=_USER, order=request
    )
    draft = draft_order(requested, cart, campaign, placed_at=_PLACED)
    with_invoice = draft.copy(update={"invoice_key": f"{TENANT_ID}/orders/order_{ORDER_ID}.pdf"})
    return Order.of(with_invoice, format_number(2026, 1))


def _problem() -> dict[str, object]:
    address = {**ORDER_REQUEST["billingAddress"], "postalCode": "80 01"}
    try:
        OrderRequest.parse_obj({**ORDER_REQUEST, "customerEmail": "thandi", "billingAddress": address})
    except ValidationError as error:
        return from_refusal(invalid_fields(error)).body()
    raise AssertionError("an invalid request was accepted")


ORDER_ID, TENANT_ID = "5103948b-360d-5b4a-9dd9-7db45bafb3e4", "tenant-acme"
ORDER_REQUEST = _fixture("order")
ORDER_UPDATE = {
    "status": "PAID",
    "paymentDetails": {"method": "EFT", "transactionId": "tx-2026-0001", "paidAt": "2026-11-24T10:00:00Z"},
}
ACCEPTED = {"orderId": ORDER_ID}
PENDING = {"orderId": ORDER_ID, "status": status.ACCEPTED}
ORDER = _response(_order())
PAID_ORDER = _response(_order().change(OrderUpdate.parse_obj(ORDER_UPDATE), expected_version=1, by=_USER, at=_PAID))
PAGE = {"items": [ORDER], "moreAvailable": False}
PROBLEM = _problem()
