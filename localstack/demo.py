"""The demo order of fixtures/order.json, and other good requests made of it."""

import json
from typing import Any

from localstack.sidecars.cart_stub import FIXTURES


def order() -> dict[str, Any]:
    """The body of the request that `make order` sends."""
    found: dict[str, Any] = json.loads((FIXTURES / "order.json").read_text())
    return found


def request(email: str, cart_id: str, **changes: Any) -> dict[str, Any]:
    """The body of a good request without a campaign.

    Args:
        email: of the customer.
        cart_id: of the cart.
        changes: fields that are to be otherwise, or added.
    """
    plain = {name: value for name, value in order().items() if name != "campaignCode"}
    return {**plain, "customerEmail": email, "cartId": cart_id, **changes}
