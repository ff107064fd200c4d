"""Requests and answers for the document: the demo order of fixtures/, priced as the service prices it."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from common.field_types import Identifier
from common.models import Campaign, Cart, OrderRequest
from common.order import Order
from common.pricing import price
from functions.adapters.problem_details import from_validation
from functions.adapters.rest import json_response
from tooling.paths import ROOT

_ID = UUID("5103948b-360d-5b4a-9dd9-7db45bafb3e4")
_TENANT = Identifier("tenant-acme")
_PLACED = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def _fixture(name: str) -> Any:
    return json.loads((ROOT / "fixtures" / f"{name}.json").read_text())


def _as_answered(content: object) -> Any:
    return json.loads(str(json_response(HTTPStatus.OK, content).body))


def _order() -> Order:
    request = OrderRequest.parse_obj(order_request())
    cart = next(Cart.parse_obj(cart) for cart in _fixture("carts") if cart["cartId"] == request.cart_id)
    campaigns = (Campaign.parse_obj(campaign) for campaign in _fixture("campaigns"))
    campaign = next(found for found in campaigns if found.code == request.campaign_code)
    priced = price(cart.items, campaign)
    return Order(
        id=_ID,
        tenant_id=_TENANT,
        customer_email=request.customer_email,
        items=priced.items,
        subtotal=priced.subtotal,
        discount=priced.discount,
        tax=priced.tax,
        total=priced.total,
        currency=request.currency,
        campaign=campaign,
        billing_address=request.billing_address,
        payment_method=request.payment_method,
        invoice_key=f"{_TENANT}/orders/order_{_ID}.pdf",
        date_created=_PLACED,
        date_last_updated=_PLACED,
        last_updated_by="a1b2c3d4-0000-4000-8000-000000000001",
        order_number="ORD-2026-00001",
    )


def order_request() -> dict[str, Any]:
    """The body of the request that `make order` sends."""
    found: dict[str, Any] = _fixture("order")
    return found


def order_id() -> str:
    """The id of that order."""
    return str(_ID)


def tenant_id() -> str:
    """Whose order it is."""
    return str(_TENANT)


def accepted() -> dict[str, Any]:
    """The answer to it."""
    return {"orderId": str(_ID)}


def order() -> dict[str, Any]:
    """The order, when it is on record and has its invoice."""
    found: dict[str, Any] = _as_answered(_order())
    return found


def order_update() -> dict[str, Any]:
    """A change that pays it."""
    details = {"method": "EFT", "transactionId": "tx-2026-0001", "paidAt": "2026-11-24T10:00:00Z"}
    return {"status": "PAID", "paymentDetails": details}


def paid_order() -> dict[str, Any]:
    """The order after that change."""
    change, changed = order_update(), "2026-11-24T10:00:05.000000Z"
    details = {**change["paymentDetails"], "paidAt": "2026-11-24T10:00:00.000000Z"}
    return {
        **order(),
        "status": change["status"],
        "previousStatus": "PENDING_PAYMENT",
        "paymentDetails": details,
        "dateStatusChanged": changed,
        "dateLastUpdated": changed,
        "version": 2,
    }


def page() -> dict[str, Any]:
    """A list with that order in it, and no more."""
    return {"items": [order()], "moreAvailable": False}


def problem() -> dict[str, Any]:
    """The answer to that request with two fields wrong."""
    good = order_request()
    address = {**good["billingAddress"], "postalCode": "80 01"}
    try:
        OrderRequest.parse_obj({**good, "customerEmail": "thandi", "billingAddress": address})
    except ValidationError as error:
        return from_validation(error).body()
    raise AssertionError("a request that is wrong was taken")
