"""`bin/ops lab scale`: which limit breaks first as orders grow, and what would number more orders (docs/scale.md)."""

import heapq
import random
from collections.abc import Generator, Iterator
from math import ceil
from typing import Final, NamedTuple

from labs.bench.report import table

# Requests for each order, in the mix of `make load`: three orders, five reads and two lists in ten requests.
REQUESTS: Final = {"create_order": 1.0, "get_order": 5 / 3, "list_orders": 2 / 3}
# Median seconds of a call, from the REPORT lines of `make load` at 5 requests a second, 2 cores, 2026-11-25.
SECONDS: Final = {
    **{"create_order": 0.020, "get_order": 0.056, "list_orders": 0.063, "order_creator_record": 0.025},
    **{"order_pdf_creator": 0.180, "order_internal_notification": 0.047, "customer_order_confirmation": 0.040},
}
# Maximum concurrency of each event source mapping (terraform/locals.tf).
CONCURRENCY = {"order_creator_record": 5, "order_pdf_creator": 10}
CONCURRENCY |= {"order_internal_notification": 10, "customer_order_confirmation": 10}
# As in OrderRecorder.record; tests/unit/test_scale.py compares them.
MAX_ATTEMPTS: Final = 60
_SIMULATED_SECONDS = 30.0
# Assumed seconds, for DynamoDB and a Cart service in the same region.
_LEASE, _TRANSACTION, _TRANSACTION_EACH, _CART, _PUBLISH = 0.005, 0.015, 0.0003, 0.030, 0.015
# A transaction excludes others for this share of its time, from its prepare to its commit.
_EXCLUSIVE_SHARE = 0.6
# Carts that a batch reads at once, and messages in one publish.
_CARTS_AT_ONCE, _PUBLISHED_AT_ONCE = 10, 10


class Numbering(NamedTuple):
    """How orders get numbers: concurrent batches, orders in one transaction, and whether the batches only number.

    Without leases a batch reads the counter, and its transaction fails if another one was faster.
    """

    writers: int
    together: int = 10
    only: bool = False
    leased: bool = True


TODAY: Final = Numbering(CONCURRENCY["order_creator_record"])
NUMBERINGS: Final = {
    "5 writers, an order each, no lease": Numbering(5, 1, leased=False),
    "5 writers, 10 orders each, no lease": Numbering(5, leased=False),
    "today: 5 writers, 10 orders each": TODAY,
    "50 writers, 10 orders each": Numbering(50),
    "2 writers, 99 orders each": Numbering(2, 99),
    "2 writers that only number, 99 orders each": Numbering(2, 99, only=True),
}


def backoff(attempt: int) -> float:
    """Longest wait in seconds after an attempt, the first being 0."""
    return min(0.15, 0.02 * 2.0**attempt)


class Simulation:
    """Simulates the counter of order numbers for half a minute in which there are always orders to number."""

    def __init__(self, numbering: Numbering) -> None:
        self._numbering, self._random = numbering, random.Random(1)  # repeatable, keeps no secret  # nosec B311
        self._now = self._exclusive_until = 0.0
        self._last_number = self.recorded = self.transactions = self.leases = 0
        self._leased = False
        due = [(0.0, order, self._writer()) for order in range(numbering.writers)]
        order = len(due)
        while due[0][0] <= _SIMULATED_SECONDS:
            self._now, _, writer = heapq.heappop(due)
            # The second element decides between events at the same time.
            heapq.heappush(due, (self._now + next(writer), order, writer))
            order += 1
        self.rate = self.recorded / _SIMULATED_SECONDS
        batches = self.recorded / numbering.together
        self.attempts, self.requests = self.transactions / batches, self.leases / batches

    def _about(self, seconds: float) -> float:
        # Writers with equal times would never meet, or always.
        return seconds * self._random.uniform(0.8, 1.2)

    def _writer(self) -> Generator[float, None, None]:
        _, together, only, leased = self._numbering
        while True:
            if not only:
                yield self._about(_LEASE + _CART * ceil(together / _CARTS_AT_ONCE))
            for attempt in range(MAX_ATTEMPTS):
                yield self._about(_LEASE / 2)
                seen, taken = self._last_number, leased and self._leased
                self._leased = True
                self.leases += 1
                yield self._about(_LEASE / 2)
                if taken:
                    yield self._random.uniform(0, backoff(attempt))
                    continue
                self.transactions += 1
                whole = self._about(_TRANSACTION + _TRANSACTION_EACH * together)
                exclusive = whole * _EXCLUSIVE_SHARE
                yield (whole - exclusive) / 2
                if self._now >= self._exclusive_until and seen == self._last_number:
                    self._exclusive_until = self._now + exclusive
                    yield exclusive
                    self._last_number += together
                    self._leased = False
                    yield (whole - exclusive) / 2
                    if not only:
                        yield self._about(_PUBLISH * ceil(together / _PUBLISHED_AT_ONCE))
                    self.recorded += together
                    break
                yield (whole - exclusive) / 2
                yield self._random.uniform(0, backoff(attempt))


class Limit(NamedTuple):
    """A limit, what one order a second uses of it, and who sets it."""

    name: str
    value: float
    unit: str
    used: float
    set_by: str


def limits() -> list[Limit]:
    """Defaults of a new AWS account in af-south-1 and our own settings, the first to break at the top."""
    # Little's law: calls at the same time are calls a second times their seconds.
    busy = sum(REQUESTS.get(function, 1.0) * seconds for function, seconds in SECONDS.items())
    units, raisable = "write units a second", "AWS, can be raised"
    found = [
        Limit("SES in the sandbox", 1, "mail a second", 2, "AWS, until production access is granted"),
        Limit("counter, 5 batches of 10", round(Simulation(TODAY).rate, 1), "orders a second", 1, "ours"),
        *(Limit(f"concurrency of {name}", n, "calls", SECONDS[name], "ours") for name, n in CONCURRENCY.items()),
        Limit("SNS Publish", 300, "messages a second", 2, raisable),
        Limit("OrdersByDateIndex, one tenant", 1000, units, 2, "AWS, fixed for a key"),
        Limit("idempotency table, new", 4000, units, 8, "AWS, grows with use"),
        Limit("API Gateway, all APIs", 2500, "requests a second", sum(REQUESTS.values()), raisable),
        Limit("orders table, new", 4000, units, 3, "AWS, grows with use"),
        Limit("Lambda, all functions", 1000, "calls", busy, raisable),
        Limit("S3, invoices of one tenant", 3500, "writes a second", 1, "AWS, fixed for a prefix, which splits"),
        Limit("orders table", 40_000, units, 3, raisable),
    ]
    return sorted(found, key=lambda limit: limit.value / limit.used)


def tables() -> Iterator[tuple[str, str]]:
    """The tables of docs/scale.md with their headings, the same in every run."""
    rows = []
    for name, value, unit, used, set_by in limits():
        breaks = f"{value / used:,.0f}" if value > used else f"{value / used:g}"
        rows.append((name, f"{value:,g} {unit}", f"{used:.3g}", breaks, set_by))
    yield "What breaks first", table(("limit", "value", "an order uses", "breaks at orders a second", "set by"), rows)
    runs = {name: Simulation(numbering) for name, numbering in NUMBERINGS.items()}
    figures = [(name, f"{run.rate:,.0f}", f"{run.attempts:.1f}", f"{run.requests:.1f}") for name, run in runs.items()]
    headings = ("numbering", "orders a second", "transactions for each success", "leases or reads for each")
    yield "What numbers more orders", table(headings, figures)
