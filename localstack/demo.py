"""The demo order of fixtures/order.json, and valid requests derived from it."""

import json
from typing import Any, cast

from tooling.paths import FIXTURES


def order() -> dict[str, Any]:
    """Body of the request that `make order` sends."""
    return cast("dict[str, Any]", json.loads((FIXTURES / "order.json").read_text()))


def request(email: str, cart_id: str, **changes: Any) -> dict[str, Any]:
    """Body of a valid request without a campaign, with fields replaced or added."""
    plain = {name: value for name, value in order().items() if name != "campaignCode"}
    return {**plain, "customerEmail": email, "cartId": cart_id, **changes}
