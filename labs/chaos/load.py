"""Customers who order, and do not give up before they have an answer."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from localstack import demo, seed
from localstack.aws import Aws
from localstack.stack import Stack, StackError, api_url
from tooling.polling import DeadlineError, poll

_TENANTS = 3
_CLIENTS = 8
# An order that is not on record by then waits in a DLQ, and is not paid.
_RECORDED_SECONDS = 60
# A key that is in use is free again after the function's time-out of 30 s; an engine that restarts takes longer.
_DEADLINE_SECONDS = 180
_HTTP_SECONDS = 40
_PAID = {
    "status": "PAID",
    "paymentDetails": {"method": "EFT", "transactionId": "tx-1", "paidAt": "2026-11-24T10:00:00Z"},
}


@dataclass(frozen=True)
class Placed:
    """An order that the API has accepted.

    Args:
        tenant: whose.
        order: its id.
        email: of the customer.
        items: of its cart, as the Cart service has them.
        correlation: id that its mails carry.
        paid: correlation id of the mail on its payment; None if it was not paid.
    """

    tenant: str
    order: str
    email: str
    items: tuple[dict[str, Any], ...]
    correlation: str
    paid: str | None = None


@dataclass
class Customer:
    """A customer of a tenant."""

    tenant: str
    email: str
    token: str
    http: threading.local = field(default_factory=threading.local)


class Load:
    """Orders of one run.

    Args:
        stack: with a fault proxy, which the customers go through.
        name: of the run; the same name gives the same orders.
    """

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._name = name
        self._api = api_url(stack.proxy_url or stack.endpoint, stack.outputs)
        self.customers = [self._customer(f"{name}-{letter}") for letter in "abcdefgh"[:_TENANTS]]

    @property
    def tenants(self) -> list[str]:
        """The tenants that order."""
        return [customer.tenant for customer in self.customers]

    def _customer(self, tenant: str) -> Customer:
        cognito, outputs = Aws(self._stack.endpoint).cognito, self._stack.outputs
        address = f"buyer@{tenant}.example"
        seed.add_user(cognito, outputs["user_pool_id"], address, seed.PASSWORD, tenant)
        tokens = seed.sign_in(cognito, outputs["user_pool_id"], outputs["user_pool_client_id"], address, seed.PASSWORD)
        return Customer(tenant, address, tokens["IdToken"])

    def place(
        self,
        numbers: range,
        paid_every: int = 5,
        accepted: tuple[int, threading.Event] | None = None,
        every_seconds: float = 0,
    ) -> list[Placed]:
        """Place orders, a few customers at a time.

        Args:
            numbers: of the orders; the same numbers give the same orders.
            paid_every: one order in so many is paid.
            accepted: a number of orders, and what to set when so many are accepted.
            every_seconds: from one order to the next; 0 for as fast as they are accepted.

        Raises:
            StackError: an order was not accepted in time, or was refused for good.
        """
        placed = []
        began = time.monotonic()

        def order_when_due(number: int) -> Placed:
            time.sleep(max(0.0, began + (number - numbers.start) * every_seconds - time.monotonic()))
            return self._order(number)

        with ThreadPoolExecutor(max_workers=_CLIENTS) as pool:
            for order in pool.map(order_when_due, numbers):
                placed.append(order)
                if accepted and len(placed) == accepted[0]:
                    accepted[1].set()
            # When all are placed, so that nobody who waits to pay holds up an order.
            return list(pool.map(self._paid, placed, [number % paid_every == 0 for number in numbers]))

    def _paid(self, order: Placed, is_paid: bool) -> Placed:
        customer = next(customer for customer in self.customers if customer.tenant == order.tenant)
        return replace(order, paid=self._pay(customer, order)) if is_paid and self._recorded(customer, order) else order

    def _recorded(self, customer: Customer, order: Placed) -> bool:
        path = f"/v1.0/orders/{order.order}"
        try:
            self._until_answered(customer, "GET", path, order.correlation, (200,), seconds=_RECORDED_SECONDS)
        except DeadlineError:
            return False
        return True

    def _order(self, number: int) -> Placed:
        customer = self.customers[number % _TENANTS]
        cart, correlation = f"cart-{self._name}-{number}", f"{self._name}-{number}"
        items = _items(number)
        content = {"cartId": cart, "tenantId": customer.tenant, "currency": "ZAR", "items": items}
        # The Cart service itself, not the way to it: what it has is what the audit compares with.
        requests.put(f"{self._stack.cart_url}/v1.0/carts/{cart}", json=content, timeout=10).raise_for_status()
        answer = self._until_answered(
            customer, "POST", "/v1.0/orders", correlation, (202,), demo.request(customer.email, cart)
        )
        order = answer.json()["orderId"]
        return Placed(customer.tenant, order, customer.email, tuple(items), correlation)

    def _pay(self, customer: Customer, order: Placed) -> str:
        path, correlation = f"/v1.0/orders/{order.order}", f"{order.correlation}-paid"
        self._until_answered(customer, "GET", f"/v1.0/tenants/{customer.tenant}/orders?pageSize=5", correlation, (200,))
        while True:
            found = self._until_answered(customer, "GET", path, correlation, (200,))
            if found.json()["status"] == "PAID":
                return correlation
            # A conflict is what somebody else has changed meanwhile; a customer looks, and tries again.
            headers = {"If-Match": found.headers["ETag"]}
            if self._until_answered(customer, "PUT", path, correlation, (200, 409), _PAID, headers).status_code == 200:
                return correlation

    def _until_answered(
        self,
        customer: Customer,
        method: str,
        path: str,
        correlation: str,
        wanted: tuple[int, ...],
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = _DEADLINE_SECONDS,
    ) -> requests.Response:
        sent = {
            "Authorization": f"Bearer {customer.token}",
            "X-Correlation-Id": correlation,
            "Idempotency-Key": correlation,
            **(headers or {}),
        }

        def ask() -> requests.Response | None:
            try:
                answer = _session(customer).request(
                    method,
                    self._api + path,
                    data=json.dumps(body) if body else None,
                    headers=sent,
                    timeout=_HTTP_SECONDS,
                )
            except requests.RequestException:
                return None
            if answer.status_code in wanted:
                return answer
            if answer.status_code >= 500 or answer.status_code in (404, 409, 429):
                return None
            raise StackError(f"{method} {path} was answered {answer.status_code}: {answer.text}")

        return poll(f"{method} {path} ({correlation}) answered {wanted}", ask, seconds, interval=0.3)


def _session(customer: Customer) -> requests.Session:
    if not hasattr(customer.http, "session"):
        customer.http.session = requests.Session()
        customer.http.session.headers["Content-Type"] = "application/json"
    session: requests.Session = customer.http.session
    return session


def _items(number: int) -> list[dict[str, Any]]:
    """A cart that no other order has."""
    return [
        {
            "productId": "p-1",
            "name": "Rooibos tea",
            "quantity": 1 + number % 3,
            "unitPrice": f"{10 + number}.{number % 100:02d}",
        },
        {"productId": "p-2", "name": "Fynbos honey", "quantity": 2, "unitPrice": "119.55"},
    ]
