"""Customers who place orders and pay for some, and retry until they have a response."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import requests

from common.correlation import CORRELATION_HEADER
from labs.customers import ITEMS, customer, put_cart
from localstack import demo
from localstack.stack import Stack, api_url
from tooling.order_client import UnexpectedStatusError
from tooling.polling import DeadlineError, poll

_CLIENTS = 8
# An order that is not recorded by then is in a DLQ, and is not paid.
_RECORDED_SECONDS = 60
# A key in use is released after the function's timeout of 30 s; an engine that restarts takes longer.
_DEADLINE_SECONDS = 180
_DETAILS = {"method": "EFT", "transactionId": "tx-1", "paidAt": "2026-11-24T10:00:00Z"}
# The orders of every twenty whose cart cannot be ordered; neither is one that is paid.
_WITHOUT_CART, _WITH_EMPTY_CART = 3, 13
_PAYMENT = {"status": "PAID", "paymentDetails": _DETAILS}


class Placed(NamedTuple):
    """An accepted order: ids of tenant and order, the customer's address, the items of its cart in the Cart service.

    Its mails have the correlation id, and the mail about its payment that of `paid`; None if it was not paid. An order
    without items is one to be rejected: its cart is missing or empty.
    """

    tenant: str
    order: str
    email: str
    items: tuple[dict[str, Any], ...]
    correlation: str
    paid: str | None = None


class Load:
    """The orders of one run, through the fault proxy; the same name gives the same orders."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack, self._name, self.accepted = stack, name, 0
        url = api_url(stack.proxy_url or stack.endpoint, stack.outputs)
        self._customers = [customer(stack, f"{name}-{letter}", url) for letter in "abc"]
        self.tenants = [buyer.tenant for buyer in self._customers]

    def place(self, numbers: range, *, paid_every: int | None = 5, every_seconds: float = 0) -> list[Placed]:
        """Place orders, eight at a time; the same numbers give the same orders, and one in `paid_every` is paid.

        With None for it, none is paid: an order can be paid only once it is recorded.
        """
        began = time.monotonic()

        def order_when_due(number: int) -> Placed:
            time.sleep(max(0.0, began + (number - numbers.start) * every_seconds - time.monotonic()))
            return self._order(number)

        with ThreadPoolExecutor(max_workers=_CLIENTS) as pool:
            placed = list(pool.map(order_when_due, numbers))
            # Only now, so that no order waits for a payment.
            paid = [paid_every is not None and number % paid_every == 0 for number in numbers]
            return list(pool.map(self._pay_some, placed, paid))

    def _order(self, number: int) -> Placed:
        buyer, correlation = self._customers[number % len(self._customers)], f"{self._name}-{number}"
        # A cart that no other order has.
        cart = f"cart-{self._name}-{number}"
        changed = {"quantity": 1 + number % 3, "unitPrice": f"{10 + number}.{number % 100:02d}"}
        items: tuple[dict[str, Any], ...] = ({**ITEMS[0], **changed}, ITEMS[1])
        if number % 20 in (_WITH_EMPTY_CART, _WITHOUT_CART):
            items = ()
        # Not through the proxy: the audit compares with what the Cart service has.
        if number % 20 != _WITHOUT_CART:
            put_cart(self._stack.cart_url, buyer.tenant, items, cart)
        body = demo.request(buyer.email, cart)
        placed = retried(lambda: buyer.api.place(body, idempotency_key=correlation, correlation_id=correlation))
        self.accepted += 1
        return Placed(buyer.tenant, placed.order_id, buyer.email, items, correlation)

    def _pay_some(self, order: Placed, is_paid: bool) -> Placed:
        if not is_paid:
            return order
        api = next(buyer.api for buyer in self._customers if buyer.tenant == order.tenant)
        path, correlation = f"/v1.0/orders/{order.order}", f"{order.correlation}-paid"
        try:
            retried(lambda: api.request("GET", path, expect=(200,)), _RECORDED_SECONDS)
        except DeadlineError:
            return order
        retried(lambda: api.request("GET", f"/v1.0/tenants/{order.tenant}/orders?pageSize=5", expect=(200,)))

        etag = ""

        def pay() -> None:
            nonlocal etag
            etag = etag or api.request("GET", path, expect=(200,)).headers["ETag"]
            headers = {"If-Match": etag, CORRELATION_HEADER: correlation}
            try:
                api.request("PUT", path, expect=(200,), headers=headers, json=_PAYMENT)
            except UnexpectedStatusError as error:
                # Only a conflict needs another version; without a response the same request is sent again.
                etag = "" if error.status == 409 else etag
                raise

        retried(pay)
        return order._replace(paid=correlation)


def retried[T](call: Callable[[], T], seconds: float = _DEADLINE_SECONDS) -> T:
    """The result of a call, retried while the API does not respond or responds 202, 404, 409, 429 or 5xx."""

    def attempt() -> tuple[T] | None:
        try:
            return (call(),)
        except requests.RequestException:
            return None
        except UnexpectedStatusError as error:
            if error.status >= 500 or error.status in (202, 404, 409, 429):
                return None
            raise

    return poll("a response of the API", attempt, seconds, interval=0.3)[0]
