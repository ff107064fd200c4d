"""The orders that templates are shown and tested with; fixed, so that a picture of them can be reviewed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.errors import OrderRejectedError, RejectionCode
from common.models import Address, Campaign, CartItem, PaymentMethod
from common.order import Order, Rejection
from common.pricing import price
from common.status import OrderStatus

_CREATED = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
_ID = UUID("6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11")
_ADDRESS = {
    "street": "12 Long Street",
    "city": "Cape Town",
    "province": "Western Cape",
    "postalCode": "8001",
    "country": "ZA",
}
_LONG = (
    "Hand-picked organic rooibos from the Cederberg, loose leaf, in a resealable bag of recycled paper, "
    "roasted slowly and blended with honeybush, vanilla and orange peel; keeps for two years in a dry cupboard"
)
_CAMPAIGN = Campaign.parse_obj(
    {
        "code": "SUMMER26",
        "name": "Summer sale",
        "discountPercent": "12.5",
        "validFrom": "2026-11-01T00:00:00Z",
        "validTo": "2026-12-31T00:00:00Z",
    }
)
_BASKET = (("Rooibos, 250 g", 2, "100.00"), ("Fynbos honey", 1, "150.00"), ("Enamel mug, green", 4, "89.90"))
_MARKUP = "<script>alert(1)</script> <b>{{ 7 * 7 }}</b> &lt;i&gt;"


def _order(
    lines: Sequence[tuple[str, int, str]],
    campaign: Campaign | None = None,
    address: dict[str, str] | None = None,
    **changes: Any,
) -> Order:
    cart = [
        CartItem.parse_obj({"productId": f"p-{number}", "name": name, "quantity": quantity, "unitPrice": unit_price})
        for number, (name, quantity, unit_price) in enumerate(lines, start=1)
    ]
    priced = price(cart, campaign)
    values: dict[str, Any] = {
        "id": _ID,
        "order_number": "ORD-2026-00042",
        "tenant_id": "tenant-acme",
        "customer_email": "thandi@example.co.za",
        "items": priced.items,
        "subtotal": priced.subtotal,
        "discount": priced.discount,
        "tax": priced.tax,
        "total": priced.total,
        "currency": "ZAR",
        "campaign": campaign,
        "billing_address": Address.parse_obj({**_ADDRESS, **(address or {})}),
        "payment_method": PaymentMethod.EFT,
        "date_created": _CREATED,
        "date_last_updated": _CREATED,
        "last_updated_by": "user-1",
        **changes,
    }
    return Order(**values)


def long_order(lines: int) -> Order:
    """An order of so many lines, each of another product."""
    return _order([(f"Product {number}", number % 7 + 1, "19.90") for number in range(1, lines + 1)])


def rejected_order(code: RejectionCode) -> Order:
    """An order that was rejected for this reason."""
    rejection = Rejection(code=code, detail=OrderRejectedError(code, "preview").detail)
    return _order([], order_number=None, status=OrderStatus.REJECTED, rejection=rejection)


def orders() -> dict[str, Order]:
    """The sample orders by name: what is common first, then what breaks layouts."""
    return {
        "one-line": _order([("Rooibos, 250 g", 2, "100.00")], payment_method=PaymentMethod.CARD),
        "no-campaign": _order(_BASKET),
        "campaign": _order(_BASKET, campaign=_CAMPAIGN),
        "200-lines": long_order(200),
        "long-names": _order(
            [(_LONG, 100_000, "99999.99"), ("Aufbewahrungsbehälter" * 9, 1, "0.01"), ("x" * 500, 12, "1234.50")],
            campaign=_CAMPAIGN.copy(
                update={"name": "A campaign with a name that goes on for longer than a line has room"}
            ),
            address={"street": "Unit 1204, The Old Biscuit Mill and Granary Buildings, 373 to 375 Albert Road " * 2},
            customer_email=f"{'a-very-long-name' * 3}@{'subdomain.' * 8}example.co.za",
            tenant_id="tenant-" + "x" * 57,
        ),
        "scripts": _order(
            [
                ("شاي أخضر 250 غ", 2, "45.00"),
                ("תה ירוק 12", 1, "30.00"),
                ("Tea שלום شاي 7", 3, "12.50"),
                ("Tea ☕ 😀 ♥", 1, "99.00"),
                ("Zoë’s Τσάι, Чай", 5, "10.00"),
            ],
            address={"street": "شارع الملك فهد 12", "city": "Γκραφ-Ρέινετ"},
        ),
        "no-font-has-it": _order([("北京 茶 हिन्दी ไทย 🧉", 2, "45.00"), ("Rooibos", 1, "100.00")]),
        "markup": _order([(_MARKUP, 1, "10.00"), ('"><img src=x onerror=alert(1)>', 1, "10.00")]),
    }
