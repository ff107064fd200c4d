"""HTTP client of the Cart service, which owns prices and campaigns."""

import json
from typing import Any

import urllib3
from pydantic import ValidationError

from common.errors import MalformedCampaignError, OrderRejectedError, PermanentError, RejectionCode, TransientError
from common.models import Campaign, Cart, invalid_fields

# Requests of a process at the same time: as many as a batch has messages.
MAX_AT_ONCE = 10
_MAX_BYTES = 2 * 1024 * 1024
# A cart with these is one that an order cannot hold, and not malformed.
_TOO_LARGE = {
    "value_error.list.max_items",
    "value_error.number.not_le",
    "value_error.decimal.max_digits",
    "value_error.decimal.whole_digits",
}


class CartClient:
    """Reads carts and campaigns. Uses urllib3, which Lambda's runtime has: the package needs no HTTP library.

    Raises TransientError if the service did not respond or responded with a server error, and PermanentError if it
    responded with another status than expected, or with what is not JSON: that is no customer's fault.
    """

    def __init__(self, base_url: str, read_timeout: float = 5) -> None:
        self._base_url = base_url.rstrip("/")
        timeout = urllib3.Timeout(connect=2, read=read_timeout)
        # The queue retries already; retries here would multiply the load on a service in trouble.
        self._http = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=MAX_AT_ONCE)

    def cart(self, cart_id: str, tenant_id: str) -> Cart:
        """Read a tenant's cart; OrderRejectedError if there is none, or no order can be made of it."""
        path = f"/v1.0/carts/{cart_id}"
        try:
            content = self._get(path)
        except _UnreadableError as error:
            raise OrderRejectedError(error.code, str(error)) from None
        if content is None:
            raise OrderRejectedError(RejectionCode.CART_NOT_FOUND, f"cart {cart_id} does not exist")
        # Before anything else is checked: a tenant must not learn of another's cart that it exists.
        if isinstance(content, dict) and content.get("tenantId", tenant_id) != tenant_id:
            raise OrderRejectedError(RejectionCode.CART_NOT_FOUND, f"cart {cart_id} is another tenant's")
        try:
            return Cart.parse_obj(content)
        except ValidationError as error:
            reason = f"cart {cart_id}: {invalid_fields(error)}"
            raise OrderRejectedError(_code({each["type"] for each in error.errors()}), reason) from None

    def campaign(self, code: str) -> Campaign | None:
        """Read a campaign; None if it does not exist, MalformedCampaignError if it cannot be read."""
        path = f"/v1.0/campaigns/{code}"
        try:
            content = self._get(path)
            return None if content is None else Campaign.parse_obj(content)
        except ValidationError as error:
            raise MalformedCampaignError(f"campaign {code}: {invalid_fields(error)}") from None
        except _UnreadableError as error:
            raise MalformedCampaignError(str(error)) from None

    def _get(self, path: str) -> Any:
        """Request a resource and return its JSON, or None if it does not exist."""
        try:
            # Not decompressed: the limit is on the bytes received, and a few of them can expand beyond the memory.
            response = self._http.request(
                "GET", self._base_url + path, preload_content=False, decode_content=False, redirect=False
            )
            body = response.read(_MAX_BYTES + 1)
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"Cart service: {type(error).__name__} on GET {path}") from error
        if response.status in (404, 410):
            return None
        if response.status != 200:
            kind = TransientError if response.status == 429 or response.status >= 500 else PermanentError
            raise kind(f"Cart service: {response.status} on GET {path}")
        if len(body) > _MAX_BYTES:
            raise _UnreadableError(
                RejectionCode.ORDER_TOO_LARGE, f"Cart service: more than {_MAX_BYTES} bytes on GET {path}"
            )
        try:
            return json.loads(body)
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise PermanentError(f"Cart service: GET {path}: not JSON") from error
        except (ValueError, RecursionError) as error:
            text = f"Cart service: GET {path}: too deep, or a number is too long"
            raise _UnreadableError(RejectionCode.CART_INVALID, text) from error


class _UnreadableError(PermanentError):
    """A resource is too long or too deep to be read; `code` is why an order of such a cart is rejected."""

    def __init__(self, code: RejectionCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def _code(errors: set[str]) -> RejectionCode:
    """Why a cart with these errors of fields is rejected."""
    if errors == {"value_error.list.min_items"}:
        return RejectionCode.CART_EMPTY
    return RejectionCode.ORDER_TOO_LARGE if errors <= _TOO_LARGE else RejectionCode.CART_INVALID
