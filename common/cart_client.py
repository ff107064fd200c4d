"""HTTP client of the Cart service, which owns prices and campaigns."""

import json

import urllib3
from pydantic import ValidationError

from common.errors import PermanentError, TransientError
from common.models import Campaign, Cart, Model, invalid_fields

_MAX_BYTES = 2 * 1024 * 1024


class CartClient:
    """Reads carts and campaigns. Uses urllib3, which Lambda's runtime has: the package needs no HTTP library.

    Raises PermanentError if the response is not what was requested, TransientError if the service did not respond or
    responded with a server error.
    """

    def __init__(self, base_url: str, read_timeout: float = 5) -> None:
        self._base_url = base_url.rstrip("/")
        timeout = urllib3.Timeout(connect=2, read=read_timeout)
        # The queue retries already; retries here would multiply the load on a service in trouble.
        self._http = urllib3.PoolManager(timeout=timeout, retries=False)

    def cart(self, cart_id: str) -> Cart:
        """Read a cart; PermanentError if it does not exist."""
        cart = self._get(f"/v1.0/carts/{cart_id}", Cart)
        if cart is None:
            raise PermanentError(f"cart {cart_id} does not exist")
        return cart

    def campaign(self, code: str) -> Campaign | None:
        """Read a campaign; None if it does not exist."""
        return self._get(f"/v1.0/campaigns/{code}", Campaign)

    def _get[M: Model](self, path: str, model: type[M]) -> M | None:
        try:
            # Not decompressed: the limit is on the bytes received, and a few of them can expand beyond the memory.
            response = self._http.request(
                "GET", self._base_url + path, preload_content=False, decode_content=False, redirect=False
            )
            body = response.read(_MAX_BYTES + 1)
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"Cart service: {type(error).__name__} on GET {path}") from error
        if response.status == 404:
            return None
        if response.status != 200:
            kind = TransientError if response.status == 429 or response.status >= 500 else PermanentError
            raise kind(f"Cart service: {response.status} on GET {path}")
        if len(body) > _MAX_BYTES:
            raise PermanentError(f"Cart service: more than {_MAX_BYTES} bytes on GET {path}")
        try:
            return model.parse_obj(json.loads(body))
        except ValidationError as error:
            raise PermanentError(f"Cart service: GET {path}: {invalid_fields(error)}") from error
        except (ValueError, RecursionError) as error:
            raise PermanentError(f"Cart service: GET {path}: not JSON") from error
