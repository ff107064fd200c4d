"""Customers who order as fast as they are answered, and the mails that they and the internal team get."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import requests

from localstack import demo, seed
from localstack.mailbox import Mailbox, arrived_at
from localstack.stack import Stack, StackError
from tooling.polling import poll

_CUSTOMERS = 8
_HTTP_SECONDS = 60
_POLL_SECONDS = 0.1
# The confirmation and the note to the internal team.
_MAILS = 2


class Mailed(NamedTuple):
    """An order's mails.

    Args:
        customer: path of the confirmation.
        internal: path of the internal team's.
    """

    customer: Path
    internal: Path


class Customers:
    """Customers of one tenant, whose cart the fixtures have.

    Args:
        stack: that they order from.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._body = demo.order()
        self._email = self._body["customerEmail"]
        self._token = seed.token(stack, self._email)
        self._own = threading.local()

    def order(self, correlation: str) -> str:
        """Order, with a correlation id that is also the Idempotency-Key, and return the order's id.

        Raises:
            StackError: the order was not accepted.
        """
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.headers["Authorization"] = f"Bearer {self._token}"
        headers = {"Idempotency-Key": correlation, "X-Correlation-Id": correlation}
        url = f"{self._stack.api_url}/v1.0/orders"
        answer = self._own.session.post(url, json=self._body, headers=headers, timeout=_HTTP_SECONDS)
        if answer.status_code != 202:
            raise StackError(f"an order was answered {answer.status_code}: {answer.text}")
        found: str = answer.json()["orderId"]
        return found

    def order_at_once(self, number: int) -> list[str]:
        """Order so often, eight customers at a time, and return the orders' correlation ids.

        Raises:
            StackError: an order was not accepted.
        """
        correlations = [f"bench-{uuid.uuid4()}" for _ in range(number)]
        with ThreadPoolExecutor(max_workers=_CUSTOMERS) as pool:
            list(pool.map(self.order, correlations))
        return correlations

    def await_mails(self, correlations: list[str], seconds: float, there: int) -> list[Mailed]:
        """Wait until each order has its two mails.

        Args:
            correlations: of the orders.
            seconds: to wait.
            there: mails that were kept before the first of them.

        Raises:
            StackError: they have not come in time, or are not one for the customer and one for the team.
        """
        # Counted, not read: reading them would take the processors from who sends them.
        wanted = there + _MAILS * len(correlations)
        poll(f"{wanted} mails", lambda: count(self._stack) >= wanted or None, seconds, _POLL_SECONDS)
        mailbox = Mailbox(self._stack.mail_dir)
        return [self._mailed(mailbox, correlation) for correlation in correlations]

    def _mailed(self, mailbox: Mailbox, correlation: str) -> Mailed:
        found = {mail["To"] == self._email: path for path, mail in mailbox.find(correlation)}
        if set(found) != {True, False}:
            raise StackError(f"order {correlation} has not its two mails in {self._stack.mail_dir}")
        return Mailed(found[True], found[False])


def count(stack: Stack) -> int:
    """How many mails are kept."""
    return sum(1 for _ in stack.mail_dir.glob("*.eml"))


def last_confirmation(mailed: list[Mailed]) -> float:
    """When the last customer's mail came, in seconds since the epoch."""
    return max(arrived_at(order.customer) for order in mailed)
