"""What the end-to-end tests need of a Cart service (docs/release.md, "What the Cart service needs in dev and sit")."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

import requests

from tooling.cli import UserError

_SECONDS: Final = 30
# Discount in percent of each campaign that must run.
_RUNNING: Final = {"SPRING10": 10, "LOYAL25": 25}
_ENDED: Final = "WINTER23"


def check_cart_service(url: str) -> None:
    """Check that a Cart service has what the end-to-end tests need.

    Args:
        url: Base URL of the service.

    Raises:
        UserError: Something is missing; the text names all of it.
    """
    if missing := list(_missing(url)):
        listed = "".join(f"\n- {each}" for each in missing)
        raise UserError(f"the Cart service {url} lacks what the end-to-end tests need:{listed}\nSee docs/release.md.")


def _missing(url: str) -> Iterator[str]:
    cart_id = f"cart-{uuid4().hex}"
    path = f"{url}/v1.0/carts/{cart_id}"
    item = {"productId": "check", "name": "Check", "quantity": 1, "unitPrice": "1.00"}
    cart = {"cartId": cart_id, "tenantId": "e2e-check", "currency": "ZAR", "items": [item]}
    try:
        put = requests.put(path, json=cart, timeout=_SECONDS)
        if not put.ok:
            yield f"PUT /v1.0/carts/{{cartId}} without a token must create a cart; it responds with {put.status_code}"
        elif (got := requests.get(path, timeout=_SECONDS)).status_code != 200:
            yield f"GET /v1.0/carts/{{cartId}} must return the cart; it responds with {got.status_code}"
        elif _priced(got.json()) != _priced(cart):
            yield "GET /v1.0/carts/{cartId} must return tenant, currency, names, quantities and prices as they were put"
        for code, percent in _RUNNING.items():
            campaign = _campaign(url, code)
            if not campaign or Decimal(str(campaign["discountPercent"])) != percent or not _runs(campaign):
                yield f"campaign {code} must run, with {percent} %"
        ended = _campaign(url, _ENDED)
        if not ended or _runs(ended):
            yield f"campaign {_ENDED} must exist and have ended"
    except (requests.RequestException, KeyError, ValueError, ArithmeticError) as error:
        yield f"it must respond to carts and campaigns with their JSON ({type(error).__name__}: {error})"


def _priced(cart: dict[str, Any]) -> tuple[object, ...]:
    """What orders take from a cart; a price may be a number or text."""
    items = [(item["name"], item["quantity"], Decimal(str(item["unitPrice"]))) for item in cart["items"]]
    return cart["tenantId"], cart["currency"], items


def _campaign(url: str, code: str) -> dict[str, Any] | None:
    response = requests.get(f"{url}/v1.0/campaigns/{code}", timeout=_SECONDS)
    found: dict[str, Any] | None = response.json() if response.status_code == 200 else None
    return found


def _runs(campaign: dict[str, Any]) -> bool:
    start, end = (datetime.fromisoformat(campaign[name]) for name in ("validFrom", "validTo"))
    return start <= datetime.now(UTC) <= end
