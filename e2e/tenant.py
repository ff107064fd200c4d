"""A tenant with one user, and what that user does."""

import secrets
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from evidence.collect import OrderTimer
from localstack import demo, seed
from localstack.mailbox import arrived_at
from localstack.targets import Platform
from release.openapi.contract import breaches
from tooling.agreed_limits import Step
from tooling.polling import poll

# Far above what R8 promises: a test is about what happens, `make order` about how soon.
DEADLINE_SECONDS = 90
_HTTP_SECONDS = 30

ITEMS = [
    {"productId": "product-1", "name": "Rooibos tea, 80 bags", "quantity": 3, "unitPrice": "54.99"},
    {"productId": "product-2", "name": "Fynbos honey, 500 g", "quantity": 2, "unitPrice": "119.50"},
]


class Tenant:
    """A tenant that no other test knows.

    Args:
        platform: the stack.
        timer: Times its orders.
        group: of its user in Cognito, such as admin.
    """

    def __init__(self, platform: Platform, timer: OrderTimer, group: str | None = None) -> None:
        self.id = f"e2e-{uuid4().hex[:12]}"
        self.platform = platform
        self._timer = timer
        # In AWS mail goes to the simulator of SES, which takes any label.
        domain = "example.com" if platform.mailbox else "simulator.amazonses.com"
        self.email = f"success+{self.id}@{domain}"
        self.tokens = self._sign_in(group)
        self.http = requests.Session()

    def _sign_in(self, group: str | None) -> dict[str, str]:
        platform = self.platform
        if platform.issuer:
            return platform.issuer.sign_in(self.email, self.id, group)
        pool, client = platform.outputs["user_pool_id"], platform.outputs["user_pool_client_id"]
        password = f"Aa1!{secrets.token_urlsafe(24)}"
        seed.add_user(platform.aws.cognito, pool, self.email, password, self.id, group)
        return seed.sign_in(platform.aws.cognito, pool, client, self.email, password)

    def remove(self) -> None:
        """Remove the user; the orders stay, as orders do."""
        self.http.close()
        if self.platform.issuer:
            return
        self.platform.aws.cognito.admin_delete_user(
            UserPoolId=self.platform.outputs["user_pool_id"], Username=self.email
        )

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the API as this user; a header given as None is left out.

        Whatever the answer, it is one that the OpenAPI document promises.
        """
        headers = {"Authorization": f"Bearer {self.tokens['IdToken']}", **options.pop("headers", {})}
        answer = self.http.request(
            method, self.platform.api_url + path, headers=headers, timeout=_HTTP_SECONDS, **options
        )
        assert breaches(method, path, answer.status_code, answer.headers, answer.text) == [], answer.text
        return answer

    def put_cart(self, items: list[dict[str, Any]] | None = None, **changes: Any) -> str:
        """Put a cart of this tenant's into the Cart service and return its id."""
        if not self.platform.cart_url:
            raise LookupError("E2E_CART_URL is not set: the URL of a Cart service where tests may put carts")
        cart_id = f"cart-{uuid4().hex}"
        cart = {"cartId": cart_id, "tenantId": self.id, "currency": "ZAR", "items": items or ITEMS, **changes}
        answer = self.http.put(f"{self.platform.cart_url}/v1.0/carts/{cart_id}", json=cart, timeout=_HTTP_SECONDS)
        answer.raise_for_status()
        return cart_id

    def body(self, **changes: Any) -> dict[str, Any]:
        """The body of a good request, with changes; it gets a cart of its own unless one is given."""
        return demo.request(self.email, changes.pop("cartId", None) or self.put_cart(), **changes)

    def place(self, correlation_id: str | None = None, **changes: Any) -> str:
        """Place an order and return its id."""
        headers = {"X-Correlation-Id": correlation_id} if correlation_id else {}
        body, asked = self.body(**changes), time.time()
        answer = self.call("POST", "/v1.0/orders", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        order_id: str = answer.json()["orderId"]
        self._timer.accepted(order_id, asked, answer.elapsed.total_seconds())
        self._timer.add_key(order_id, correlation_id or order_id)
        return order_id

    def get(self, order_id: str) -> requests.Response:
        """Ask for an order."""
        return self.call("GET", f"/v1.0/orders/{order_id}")

    def recorded(self, order_id: str) -> dict[str, Any]:
        """The order, once it is on record."""

        def ask() -> dict[str, Any] | None:
            began, answer = time.time(), self.get(order_id)
            assert answer.status_code in (200, 404), answer.text
            self._timer.checked(order_id, "recorded", answer.status_code == 200, began)
            return answer.json() if answer.status_code == 200 else None

        return poll(f"order {order_id} on record", ask, DEADLINE_SECONDS)

    def invoiced(self, order_id: str) -> dict[str, Any]:
        """The order, once it has its invoice."""

        def ask() -> dict[str, Any] | None:
            began, order = time.time(), self.recorded(order_id)
            self._timer.checked(order_id, "invoice", "invoiceKey" in order, began)
            return order if "invoiceKey" in order else None

        return poll(f"invoice of order {order_id}", ask, DEADLINE_SECONDS)

    def ordered(self, **changes: Any) -> dict[str, Any]:
        """A new order, on record."""
        return self.recorded(self.place(**changes))

    def update(self, order_id: str, etag: str | None, change: dict[str, Any], **headers: str) -> requests.Response:
        """Change an order that is still as the ETag says."""
        return self.call("PUT", f"/v1.0/orders/{order_id}", json=change, headers={"If-Match": etag, **headers})

    def change(self, order_id: str, change: dict[str, Any], **headers: str) -> requests.Response:
        """Change an order as it is now."""
        return self.update(order_id, self.get(order_id).headers["ETag"], change, **headers)

    def orders(self, tenant_id: str | None = None, **parameters: Any) -> requests.Response:
        """Ask for a page of orders."""
        return self.call("GET", f"/v1.0/tenants/{tenant_id or self.id}/orders", params=parameters)

    def mails(self, correlation_id: str, count: int) -> list[EmailMessage]:
        """The mails with a correlation id, once there are so many."""
        mailbox = self.platform.mailbox
        assert mailbox, "a test that reads mail needs the marker sidecars"

        def ask() -> list[tuple[Path, EmailMessage]] | None:
            found = mailbox.find(correlation_id)
            return found if len(found) >= count else None

        found = poll(f"{count} mails with correlation id {correlation_id}", ask, DEADLINE_SECONDS)
        for path, mail in found:
            step: Step = "customer mail" if mail["To"] == self.email else "internal mail"
            self._timer.reached(correlation_id, step, arrived_at(path))
        return [mail for _, mail in found]


def paid(**changes: Any) -> dict[str, Any]:
    """The change that makes an order PAID."""
    details = {"method": "EFT", "transactionId": f"tx-{uuid4().hex}", "paidAt": "2026-11-24T10:00:00Z"}
    return {"status": "PAID", "paymentDetails": details, **changes}
