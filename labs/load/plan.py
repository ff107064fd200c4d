"""What the process in Locust's environment is told; the standard library alone, since it has nothing else of ours."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

VARIABLE = "LOAD_PLAN"
# Of each step, before anything counts: customers come in, and Lambda starts what a higher rate needs.
SETTLE_SECONDS = 3.0
# Before the first step: functions that nobody has called for a while start.
WARM_SECONDS = 10.0
# Of ten requests.
ORDERS, READS, LISTS = 3, 5, 2


@dataclass(frozen=True)
class Customer:
    """A customer who is signed in.

    Args:
        tenant: of the customer.
        token: the ID token.
        body: of a good request for an order.
    """

    tenant: str
    token: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A load test.

    Args:
        api_url: of the API, with its stage.
        customers: who take turns.
        rates: in requests a second, rising; the test ends at the first that breaks.
        seconds: that each rate is measured.
        way: seconds of a request that no function answers.
        result: file for the steps.
    """

    api_url: str
    customers: tuple[Customer, ...]
    rates: tuple[float, ...]
    seconds: float
    way: float
    result: str

    def write(self, path: Path) -> None:
        """Write it to a file, which holds the customers' tokens."""
        path.write_text(json.dumps(asdict(self)))


def read() -> Plan:
    """The plan in the file that the environment names."""
    content = json.loads(Path(os.environ[VARIABLE]).read_text())
    customers = tuple(Customer(**customer) for customer in content.pop("customers"))
    return Plan(customers=customers, rates=tuple(content.pop("rates")), **content)
