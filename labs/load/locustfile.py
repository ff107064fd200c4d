"""The customers of a load test and the steps of their rate; Locust runs it, in its own environment."""

import itertools
import json
import random
import time
from collections import defaultdict, deque
from pathlib import Path
from typing import Any
from uuid import uuid4

from locust import FastHttpUser, LoadTestShape, task

from labs.load import plan as plans
from labs.load.steps import PACE_SECONDS, RECORDED_SECONDS, Answer, Kind, Step, measured, to_json

PLAN = plans.read()
# A page of the portal shows so many orders, and the customer opens one of them.
_SHOWN = 20
_TIMEOUT_SECONDS = 30.0

_turns = itertools.cycle(PLAN.customers)
_answers: list[Answer] = []
# The newest orders of each tenant: id, and when it was accepted.
_orders: dict[str, deque[tuple[str, float]]] = defaultdict(lambda: deque(maxlen=_SHOWN))


class PortalUser(FastHttpUser):  # type: ignore[misc]  # Locust is not in this project's environment
    """A browser of a customer, which places orders, reads them and lists them."""

    host = PLAN.api_url
    insecure = False
    connection_timeout = network_timeout = _TIMEOUT_SECONDS

    def on_start(self) -> None:
        """Take a customer, and a moment to begin at: users who came together would ask together for ever."""
        self.customer = next(_turns)
        wait = random.uniform(0, PACE_SECONDS)
        self.due = time.monotonic() + wait
        time.sleep(wait)

    def wait_time(self) -> float:
        """Until the next request is due; Locust's constant_throughput would let the rate sink with a slow answer."""
        self.due += PACE_SECONDS
        return max(0.0, self.due - time.monotonic())

    def _ask(self, kind: Kind, method: str, path: str, good: tuple[int, ...], **options: Any) -> tuple[int, str, float]:
        headers = {"Authorization": f"Bearer {self.customer.token}", **options.pop("headers", {})}
        began = time.monotonic()
        with self.client.request(method, path, name=kind, headers=headers, catch_response=True, **options) as answer:
            taken = time.monotonic() - began
            status: int = answer.status_code
            text: str = answer.text or ""
            if status in good:
                answer.success()
            else:
                answer.failure(f"status {status}")
        return status, text, taken

    @task  # type: ignore[untyped-decorator]
    def ask(self) -> None:
        """Whatever request comes next, of whichever user."""
        next(_mix)(self)

    def order(self) -> None:
        """Place an order."""
        headers = {"Idempotency-Key": str(uuid4())}
        status, text, taken = self._ask(
            "POST order", "POST", "/v1.0/orders", (202,), json=self.customer.body, headers=headers
        )
        if status == 202:
            _orders[self.customer.tenant].append((json.loads(text)["orderId"], time.monotonic()))
        _answers.append(Answer("POST order", taken, _error(status, 202)))

    def read(self) -> None:
        """Read one of the newest orders; one that is not on record yet is 404."""
        known = _orders[self.customer.tenant]
        if not known:
            self.order()
            return
        order_id, accepted = random.choice(known)
        due = time.monotonic() - accepted >= RECORDED_SECONDS
        status, _, taken = self._ask("GET order", "GET", f"/v1.0/orders/{order_id}", (200, 404))
        late = status == 404 if due and status in (200, 404) else None
        _answers.append(Answer("GET order", taken, _error(status, 200, 404), late))

    def page(self) -> None:
        """Ask for the first page."""
        status, _, taken = self._ask("GET list", "GET", f"/v1.0/tenants/{self.customer.tenant}/orders", (200,))
        _answers.append(Answer("GET list", taken, _error(status, 200)))


def _error(status: int, *good: int) -> str:
    if status in good:
        return ""
    return f"status {status}" if status else "no answer"


# Shuffled, and then in turn: each step has the same share of orders.
_ten = [PortalUser.order] * plans.ORDERS + [PortalUser.read] * plans.READS + [PortalUser.page] * plans.LISTS
_mix = itertools.cycle(random.sample(_ten, len(_ten)))


class RisingRate(LoadTestShape):  # type: ignore[misc]
    """One rate after the other, until one breaks or the last has held; writes each as soon as it is measured."""

    def __init__(self) -> None:
        super().__init__()
        self._rates = list(PLAN.rates)
        self._steps: list[Step] = []
        self._rate = 0.0
        self._counts_from = self._counted_from = 0.0

    def tick(self) -> tuple[int, float] | None:
        """How many users there must be now, and how many may begin in a second; None at the end."""
        now = time.monotonic()
        if self._counted_from and now >= self._counted_from + PLAN.seconds:
            self._finish(now - self._counted_from)
            if self._steps[-1].broken or not self._rates:
                return None
        if not self._counted_from and not self._counts_from:
            self._rate = self._rates.pop(0)
            self._counts_from = now + plans.SETTLE_SECONDS + (0 if self._steps else plans.WARM_SECONDS)
        if self._counts_from and now >= self._counts_from:
            _answers.clear()
            self._counts_from, self._counted_from = 0.0, now
        users = max(1, round(self._rate * PACE_SECONDS))
        return users, float(users)

    def _finish(self, seconds: float) -> None:
        self._steps.append(measured(self._rate, seconds, _answers, PLAN.way))
        self._counted_from = 0.0
        Path(PLAN.result).write_text(json.dumps([to_json(step) for step in self._steps], indent=1) + "\n")
