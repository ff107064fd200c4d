"""One client of the order API, for every tool and test that calls it.

It signs nobody in: the caller passes the URL of the API and an ID token (localstack/seed.py gets one).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Self

import requests

from tooling.cli import UserError
from tooling.polling import poll

OnResponse = Callable[[str, str, requests.Response], None]


class UnexpectedStatusError(UserError):
    """The API responded with another status than the caller expects; the text has status and body."""

    def __init__(self, request: str, response: requests.Response, expected: Collection[int]) -> None:
        self.status = response.status_code
        statuses = " or ".join(map(str, expected))
        super().__init__(f"{request}: status {self.status}, expected {statuses}: {response.text}")


class PlacedOrder(NamedTuple):
    """An order that the API has accepted, and the seconds from the request to the response."""

    order_id: str
    seconds: float


class OrderClient:
    """Calls the order API as one user. Up to ten threads may share a client.

    Args:
        base_url: URL of the API with its stage, without a slash at the end.
        verify: Path of the certificate bundle for TLS, or True for the default one.
        trust_env: Apply proxies and certificates that the environment names; costs time on each request.
        on_response: Called with method, path and response after each request, for example to check the contract.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        verify: bool | str = True,
        trust_env: bool = False,
        timeout: float = 30,
        on_response: OnResponse | None = None,
    ) -> None:
        self._base_url = base_url
        self._timeout = timeout
        self._on_response = on_response
        self._session = requests.Session()
        self._session.trust_env = trust_env
        self._session.verify = verify
        self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        expect: Collection[int] = (),
        headers: Mapping[str, str | None] | None = None,
        **options: Any,
    ) -> requests.Response:
        """Send a request.

        Args:
            path: Path below the stage.
            expect: Statuses that are not an error; any status if empty.
            headers: Further headers; None as a value removes a header, such as the token.
            options: What else requests.request takes, such as json, data or params.

        Raises:
            UnexpectedStatusError: The status is not an expected one.
            requests.RequestException: The API did not respond in time.
        """
        options.setdefault("timeout", self._timeout)
        response = self._session.request(method, self._base_url + path, headers=headers, **options)
        if self._on_response:
            self._on_response(method, path, response)
        if expect and response.status_code not in expect:
            raise UnexpectedStatusError(f"{method} {path}", response, expect)
        return response

    def place(
        self, body: Mapping[str, Any], *, idempotency_key: str | None = None, correlation_id: str | None = None
    ) -> PlacedOrder:
        """Place an order. Requests with the same idempotency key and body are one order.

        Raises UnexpectedStatusError: The API did not accept the order.
        """
        headers = {"Idempotency-Key": idempotency_key, "X-Correlation-Id": correlation_id}
        response = self.request("POST", "/v1.0/orders", expect=(202,), headers=headers, json=body)
        return PlacedOrder(response.json()["orderId"], response.elapsed.total_seconds())

    def get(self, order_id: str) -> requests.Response:
        """Request an order: 200, or 202 until it is recorded. An admin of another tenant gets 404 until then."""
        return self.request("GET", f"/v1.0/orders/{order_id}")

    def list_orders(self, tenant_id: str, **parameters: Any) -> requests.Response:
        """Request a page of a tenant's orders; parameters are those of the query."""
        return self.request("GET", f"/v1.0/tenants/{tenant_id}/orders", params=parameters)

    def update(
        self, order_id: str, change: Mapping[str, Any], etag: str | None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Change an order if it still has this ETag; None sends no If-Match."""
        all_headers = {"If-Match": etag, **(headers or {})}
        return self.request("PUT", f"/v1.0/orders/{order_id}", headers=all_headers, json=change)

    def await_invoiced(self, order_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until an order is recorded and has its invoice, and return it.

        Raises:
            DeadlineError: It had no invoice in time.
            UnexpectedStatusError: The API responded with another status than 200, 202 or 404.
        """

        def attempt() -> dict[str, Any] | None:
            response = self.request("GET", f"/v1.0/orders/{order_id}", expect=(200, 202, 404))
            order: dict[str, Any] = response.json()
            return order if response.status_code == 200 and "invoiceKey" in order else None

        return poll(f"invoice of order {order_id}", attempt, seconds)
