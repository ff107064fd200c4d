"""A tenant for one test, with one user who places orders and follows them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from labs.customers import ITEMS, sign_up
from localstack import demo
from localstack.mails import arrived_at
from localstack.targets import Platform
from tests.support.contract import breaches
from tests.support.evidence_plugin import OrderTimer
from tooling.agreed_limits import Step
from tooling.order_client import OrderClient
from tooling.polling import poll

# Far above the agreed limits, which test_one_at_a_time.py checks on a quiet stack.
DEADLINE_SECONDS = 90
_HTTP_SECONDS = 30


def _assert_documented(method: str, path: str, response: requests.Response) -> None:
    found = breaches(method, path, response.status_code, response.headers, response.text)
    assert found == [], f"{found}: {response.text}"


class Tenant:
    """A tenant that no other test uses. Every response to it is checked against the OpenAPI document.

    Args:
        platform: Stack that is tested.
        timer: Times the tenant's orders.
        group: Cognito group of the user, such as admin.
    """

    def __init__(self, platform: Platform, timer: OrderTimer, group: str | None = None) -> None:
        self.id = f"e2e-{uuid4().hex[:12]}"
        self.platform = platform
        self._timer = timer
        # In AWS the mail goes to the simulator of SES, which accepts any label.
        domain = "example.com" if platform.mailbox else "simulator.amazonses.com"
        self.email = f"success+{self.id}@{domain}"
        self.tokens = self._sign_in(group)
        self.client = OrderClient(
            platform.api_url,
            self.tokens["IdToken"],
            trust_env=platform.target != "local",
            timeout=_HTTP_SECONDS,
            on_response=_assert_documented,
        )
        self.cart_service = requests.Session()

    def _sign_in(self, group: str | None) -> dict[str, str]:
        platform = self.platform
        if platform.issuer:
            return platform.issuer.sign_in(self.email, self.id, group)
        return sign_up(platform.aws.cognito, platform.outputs, self.id, self.email, group)

    def remove(self) -> None:
        """Delete the user; the orders stay."""
        self.client.close()
        self.cart_service.close()
        if self.platform.issuer:
            return
        cognito = self.platform.aws.cognito
        # A test may have reset the stack.
        with suppress(cognito.exceptions.UserNotFoundException):
            cognito.admin_delete_user(UserPoolId=self.platform.outputs["user_pool_id"], Username=self.email)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the API as this user; a header given as None is not sent."""
        return self.client.request(method, path, **options)

    def put_cart(self, items: list[dict[str, Any]] | None = None, **changes: Any) -> str:
        """Put a cart of this tenant into the Cart service and return its id."""
        cart = {
            "cartId": f"cart-{uuid4().hex}",
            "tenantId": self.id,
            "currency": "ZAR",
            "items": items or ITEMS,
            **changes,
        }
        url = f"{self.platform.cart_url}/v1.0/carts/{cart['cartId']}"
        self.cart_service.put(url, json=cart, timeout=_HTTP_SECONDS).raise_for_status()
        return str(cart["cartId"])

    def body(self, **changes: Any) -> dict[str, Any]:
        """The body of a valid request, with changes; without a cartId it gets a new cart."""
        return demo.request(self.email, changes.pop("cartId", None) or self.put_cart(), **changes)

    def place(self, correlation_id: str | None = None, **changes: Any) -> str:
        """Place an order and return its id."""
        body, sent_at = self.body(**changes), time.time()
        placed = self.client.place(body, correlation_id=correlation_id)
        self._timer.accepted(placed.order_id, sent_at, placed.seconds)
        self._timer.add_key(placed.order_id, correlation_id or placed.order_id)
        return placed.order_id

    def get(self, order_id: str) -> requests.Response:
        """Request an order."""
        return self.client.get(order_id)

    def recorded(self, order_id: str) -> dict[str, Any]:
        """Wait until an order is recorded and return it."""

        def attempt() -> dict[str, Any] | None:
            started_at, response = time.time(), self.get(order_id)
            # 404 only for an administrator who is of another tenant.
            assert response.status_code in (200, 202, 404), response.text
            self._timer.checked(order_id, "recorded", response.status_code == 200, started_at)
            return response.json() if response.status_code == 200 else None

        return poll(f"order {order_id} recorded", attempt, DEADLINE_SECONDS)

    def invoiced(self, order_id: str) -> dict[str, Any]:
        """Wait until an order has its invoice and return the order."""

        def attempt() -> dict[str, Any] | None:
            started_at, order = time.time(), self.recorded(order_id)
            self._timer.checked(order_id, "invoice", "invoiceKey" in order, started_at)
            return order if "invoiceKey" in order else None

        return poll(f"invoice of order {order_id}", attempt, DEADLINE_SECONDS)

    def ordered(self, **changes: Any) -> dict[str, Any]:
        """Place an order and return it once it is recorded."""
        return self.recorded(self.place(**changes))

    def invoice(self, order: dict[str, Any]) -> bytes:
        """The invoice of an order, as PDF."""
        bucket = self.platform.outputs["orders_bucket"]
        response = self.platform.aws.s3.get_object(Bucket=bucket, Key=order["invoiceKey"])
        assert response["ContentType"] == "application/pdf"
        return response["Body"].read()

    def update(self, order_id: str, etag: str | None, change: dict[str, Any], **headers: str) -> requests.Response:
        """Change an order if it still has this ETag."""
        return self.client.update(order_id, change, etag, headers)

    def change(self, order_id: str, change: dict[str, Any], **headers: str) -> requests.Response:
        """Change the current version of an order."""
        return self.update(order_id, self.get(order_id).headers["ETag"], change, **headers)

    def orders(self, tenant_id: str | None = None, **parameters: Any) -> requests.Response:
        """Request a page of orders, of this tenant unless another is given."""
        return self.client.list_orders(tenant_id or self.id, **parameters)

    def mails(self, correlation_id: str, count: int) -> list[EmailMessage]:
        """Wait until at least this many mails have a correlation id and return them."""
        mailbox = self.platform.mailbox
        assert mailbox, "a test that reads mail needs the marker sidecars"

        def attempt() -> list[tuple[Path, EmailMessage]] | None:
            found = mailbox.find(correlation_id)
            return found if len(found) >= count else None

        found = poll(f"{count} mails with correlation id {correlation_id}", attempt, DEADLINE_SECONDS)
        for path, mail in found:
            step: Step = "customer mail" if mail["To"] == self.email else "internal mail"
            self._timer.reached(correlation_id, step, arrived_at(path))
        return [mail for _, mail in found]


def paid(**changes: Any) -> dict[str, Any]:
    """The change that makes an order PAID."""
    details = {"method": "EFT", "transactionId": f"tx-{uuid4().hex}", "paidAt": "2026-11-24T10:00:00Z"}
    return {"status": "PAID", "paymentDetails": details, **changes}


@contextmanager
def cart_outage(tenant: Tenant, cart_id: str, status: int = 503) -> Iterator[Callable[[], object]]:
    """Let the Cart service respond with an error for a cart; yields a function that waits until it has done so."""
    control = f"{tenant.platform.cart_url}/control/outages/{cart_id}"
    session = tenant.cart_service
    session.put(control, json={"status": status}, timeout=_HTTP_SECONDS).raise_for_status()

    def refused() -> bool | None:
        return session.get(control, timeout=_HTTP_SECONDS).json()["refused"] > 0 or None

    try:
        yield lambda: poll("a request refused by the Cart service", refused, DEADLINE_SECONDS)
    finally:
        session.delete(control, timeout=_HTTP_SECONDS).raise_for_status()
