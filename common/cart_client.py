"""HTTP client of the Cart service, which owns prices and campaigns (R5)."""

import json

import urllib3
from pydantic import ValidationError

from common.errors import PermanentError, TransientError
from common.models import Campaign, Cart, Model

_MAX_BYTES = 2 * 1024 * 1024


class CartClient:
    """Reads carts and campaigns.

    urllib3 comes with the SDK of the Lambda runtime, so the package carries no second HTTP library.

    Args:
        base_url: of the Cart service, without a trailing slash.
        connect_timeout: seconds for the connection.
        read_timeout: seconds for the answer.
    """

    def __init__(self, base_url: str, connect_timeout: float = 2, read_timeout: float = 5) -> None:
        self._base_url = base_url
        timeout = urllib3.Timeout(connect=connect_timeout, read=read_timeout)
        # The queue retries, so a second retry here would only multiply the load on a service in trouble.
        self._http = urllib3.PoolManager(timeout=timeout, retries=False)

    def cart(self, cart_id: str) -> Cart:
        """The cart of this id.

        Raises:
            PermanentError: there is no such cart, or the answer is not a cart.
            TransientError: the service did not answer, or answered with a server error.
        """
        cart = self._get(f"/v1.0/carts/{cart_id}", Cart)
        if cart is None:
            raise PermanentError(f"cart {cart_id} does not exist")
        return cart

    def campaign(self, code: str) -> Campaign | None:
        """The campaign of this code, or None if there is none.

        Raises:
            PermanentError: the answer is not a campaign.
            TransientError: the service did not answer, or answered with a server error.
        """
        return self._get(f"/v1.0/campaigns/{code}", Campaign)

    def _get[M: Model](self, path: str, model: type[M]) -> M | None:
        try:
            # Not unpacked: the limit is on what travels, and a small zip can hold more than the memory.
            response = self._http.request(
                "GET", self._base_url + path, preload_content=False, decode_content=False, redirect=False
            )
            body = response.read(_MAX_BYTES + 1)
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"Cart service: {type(error).__name__} on GET {path}") from error
        if response.status == 404:
            return None
        if response.status == 429 or response.status >= 500:
            raise TransientError(f"Cart service: {response.status} on GET {path}")
        if response.status != 200:
            raise PermanentError(f"Cart service: {response.status} on GET {path}")
        if len(body) > _MAX_BYTES:
            raise PermanentError(f"Cart service: more than {_MAX_BYTES} bytes on GET {path}")
        try:
            return model.parse_obj(json.loads(body))
        except ValidationError as error:
            fields = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise PermanentError(f"Cart service: GET {path}: {fields}") from error
        except (ValueError, RecursionError) as error:
            raise PermanentError(f"Cart service: GET {path}: not JSON") from error
