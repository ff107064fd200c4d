"""A cart that cannot be ordered is an outcome for the customer, and no fault of the platform."""

from typing import Any
from uuid import uuid4

import pytest

from e2e.tenant import Tenant
from evidence.content import body

LINE = {"productId": "p-1", "name": "Mug", "quantity": 1, "unitPrice": "89.00"}


def require_rejected(tenant: Tenant, code: str, cart_id: str) -> None:
    """Order a cart, and check that the order is rejected with a reason, and has no number, price or invoice."""
    order = tenant.ordered(cartId=cart_id)
    assert (order["status"], order["rejection"]["code"], order["cartId"]) == ("REJECTED", code, cart_id)
    assert (order["items"], order["total"]) == ([], "0.00")
    assert not {"orderNumber", "invoiceKey"} & order.keys()
    assert [each["id"] for each in tenant.orders(status="REJECTED").json()["items"]] == [order["id"]]
    assert tenant.orders(status="PENDING_PAYMENT").json()["items"] == []


def test_order_of_missing_cart_is_rejected(tenant: Tenant) -> None:
    """An order of a cart that does not exist is rejected."""
    require_rejected(tenant, "CART_NOT_FOUND", f"cart-{uuid4().hex}")


# A real Cart service may refuse such carts.
@pytest.mark.sidecars
@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("CART_EMPTY", {"items": []}),
        ("CART_INVALID", {"items": [{**LINE, "quantity": "2"}]}),
        ("CURRENCY_MISMATCH", {"currency": "USD", "items": [LINE]}),
        ("ORDER_TOO_LARGE", {"items": [{**LINE, "name": "x" * 440}] * 1_000}),
    ],
)
def test_order_that_cannot_be_recorded_is_rejected(tenant: Tenant, code: str, changes: dict[str, Any]) -> None:
    """An order of a cart that cannot be ordered is rejected."""
    cart_id = f"cart-{uuid4().hex}"
    cart = {"cartId": cart_id, "tenantId": tenant.id, "currency": "ZAR", **changes}
    url = f"{tenant.platform.cart_url}/v1.0/carts/{cart_id}"
    tenant.cart_service.put(url, json=cart, timeout=30).raise_for_status()
    require_rejected(tenant, code, cart_id)


@pytest.mark.sidecars
def test_rejected_order_is_mailed_to_customer_only(tenant: Tenant) -> None:
    """The customer gets one mail that says why the order was rejected; the internal team gets none."""
    correlation_id = f"e2e-{uuid4()}"
    order = tenant.recorded(tenant.place(correlation_id, cartId=f"cart-{uuid4().hex}"))
    (mail,) = tenant.mails(correlation_id, 1)
    # By the time that a later order has both mails, the rejected one would have them too.
    later = f"e2e-{uuid4()}"
    tenant.place(later)
    tenant.mails(later, 2)
    assert len(tenant.mails(correlation_id, 1)) == 1
    assert (mail["To"], mail["Subject"]) == (tenant.email, "We couldn't accept your order")
    for kind in ("plain", "html"):
        assert order["id"] in body(mail, kind)
        assert order["rejection"]["detail"] in body(mail, kind).replace("&#39;", "'")


@pytest.mark.sidecars
def test_malformed_campaign_costs_the_discount(tenant: Tenant) -> None:
    """An order with a campaign that cannot be read is recorded without it, and no message ends in a DLQ."""
    code = f"BROKEN-{uuid4().hex[:8]}"
    url = f"{tenant.platform.cart_url}/v1.0/campaigns/{code}"
    campaign = {"code": code, "name": "Broken", "discountPercent": 101}
    tenant.cart_service.put(url, json=campaign, timeout=30).raise_for_status()
    order = tenant.ordered(campaignCode=code)
    assert (order["status"], order["discount"], order.get("campaign")) == ("PENDING_PAYMENT", "0.00", None)


def test_order_is_visible_once_it_is_accepted(tenant: Tenant) -> None:
    """GET of an order directly after its 202 never looks like an order that does not exist."""
    statuses = [tenant.get(tenant.place()).status_code for _ in range(10)]
    assert set(statuses) <= {200, 202}
    assert tenant.get(str(uuid4())).status_code == 404
