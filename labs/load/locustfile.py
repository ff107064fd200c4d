"""The users of a load test at one rate; Locust runs it in a separate environment."""

import itertools
import json
import os
import random
import time
from collections import defaultdict, deque
from pathlib import Path
from typing import Any
from uuid import uuid4

from locust import FastHttpUser, events, task

from labs.load import steps
from labs.load.steps import PACE_SECONDS, Kind, Response

PLAN = json.loads(Path(os.environ[steps.PLAN_VARIABLE]).read_text())
_customers = itertools.cycle(PLAN["customers"])
_responses: list[Response] = []
_random = random.Random()  # spreads requests, keeps no secret  # nosec B311
_counts_from = time.monotonic() + PLAN["settle"]
# The newest orders of each tenant, as many as a page of the portal shows: id, and when it was accepted.
_orders: dict[str, deque[tuple[str, float]]] = defaultdict(lambda: deque(maxlen=20))


class PortalUser(FastHttpUser):  # type: ignore[misc]  # Locust is not in this project's environment
    """A customer's browser, which places, reads and lists orders."""

    host = PLAN["api_url"]
    insecure = False
    connection_timeout = network_timeout = 30.0

    def on_start(self) -> None:
        """Start at a random time: users who started together would send their requests together."""
        self.customer = next(_customers)
        wait = _random.uniform(0, PACE_SECONDS)
        self.due = time.monotonic() + wait
        time.sleep(wait)

    def wait_time(self) -> float:
        """Seconds until the next request is due; Locust's constant_throughput lowers the rate after slow responses."""
        self.due += PACE_SECONDS
        return max(0.0, self.due - time.monotonic())

    def _send(
        self, kind: Kind, method: str, expect: tuple[int, ...], order: str = "", **options: Any
    ) -> tuple[int, str]:
        path = PLAN["paths"][kind].format(order=order, tenant=self.customer["tenant"])
        headers = {"Authorization": f"Bearer {self.customer['token']}", **options.pop("headers", {})}
        due = options.pop("due", False)
        began = time.monotonic()
        response = self.client.request(method, path, name=kind, headers=headers, **options)
        seconds, status = time.monotonic() - began, int(response.status_code)
        error = "" if status in expect else f"status {status}" if status else "no response"
        late = status == 202 if due and not error else None
        at = time.monotonic() - _counts_from
        if at >= 0:
            _responses.append(Response(kind, seconds, error, late, at))
        return status, response.text or ""

    @task  # type: ignore[untyped-decorator]
    def request(self) -> None:
        """Send the next request of the mix, whichever user is next."""
        next(_mix)(self)

    def order(self) -> None:
        """Place an order."""
        request = {"json": self.customer["body"], "headers": {"Idempotency-Key": str(uuid4())}}
        status, text = self._send("POST order", "POST", (202,), **request)
        if status == 202:
            _orders[self.customer["tenant"]].append((json.loads(text)["orderId"], time.monotonic()))

    def read(self) -> None:
        """Read one of the newest orders; 202 means that it is not recorded yet."""
        known = _orders[self.customer["tenant"]]
        if not known:
            self.order()
            return
        order_id, accepted = _random.choice(known)
        due = time.monotonic() - accepted >= steps.RECORDED_SECONDS
        self._send("GET order", "GET", (200, 202), order=order_id, due=due)

    def page(self) -> None:
        """List the first page."""
        self._send("GET list", "GET", (200,))


# Shuffled once and then repeated, so each step has the same share of orders.
_ten = [PortalUser.order] * steps.ORDERS + [PortalUser.read] * steps.READS + [PortalUser.page] * steps.LISTS
_mix = itertools.cycle(_random.sample(_ten, len(_ten)))


@events.test_stopping.add_listener  # type: ignore[untyped-decorator]
def write(**_: Any) -> None:
    """Write the seconds that were measured, and the responses."""
    Path(PLAN["result"]).write_text(json.dumps([time.monotonic() - _counts_from, _responses]))
