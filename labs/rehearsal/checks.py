"""What must be true of an environment after a deployment, a rollback or a loss, as customers and on-call see it."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from labs.rehearsal.accounts import Accounts
from localstack import demo
from localstack.stack import Stack, StackError
from release import history, traffic
from release.environments import ENVIRONMENTS, EnvironmentName
from release.store import Store
from tooling.order_client import OrderClient
from tooling.polling import poll

# The sabotaged release changes this template too.
TEMPLATE = "customer/order_confirmation.html"
_CANARY_SECONDS = 600


def order(customer: OrderClient) -> dict[str, Any]:
    """Place the demo order, and return it once it has its invoice."""
    return customer.await_invoiced(customer.place(demo.order(), idempotency_key=str(uuid.uuid4())).order_id)


class Checks:
    """Checks of the environments; StackError if one fails."""

    def __init__(self, stack: Stack, accounts: Accounts) -> None:
        self._stack, self._accounts = stack, accounts

    def _client(self, service: str, environment: EnvironmentName) -> Any:
        return self._accounts.client(service, self._accounts.root(environment))

    def order(self, environment: EnvironmentName) -> dict[str, Any]:
        """Place an order as a new customer, and return it once it has its invoice."""
        return order(self._accounts.customer(environment))

    def require_live(self, environment: EnvironmentName, digest: str) -> None:
        """Check that an environment has a release, with its template."""
        s3 = self._client("s3", environment)
        releases = Store(s3, ENVIRONMENTS[environment].release_bucket)
        live = history.live(releases, environment)
        if live is None or live.release != digest:
            raise StackError(f"{environment} has release {live and live.release}, not {digest}")
        found = Store(s3, self._accounts.outputs(environment)["templates_bucket"]).read(TEMPLATE)
        expected = releases.manifest(digest).files[f"templates/{TEMPLATE}"].sha256
        if found != releases.file(TEMPLATE, expected):
            raise StackError(f"{TEMPLATE} in {environment} is not that of {digest[:12]}")

    def customers_of_canary(self, ended: Callable[[], bool]) -> str:
        """Read an order of prod from the start of a canary until it has ended; returns how many responses failed."""
        customer = self._accounts.customer("prod")
        known, functions, statuses = order(customer)["id"], self._client("lambda", "prod"), list[int]()
        # Requests before the canary would count too, and hide for minutes that a tenth of them fails.
        poll("a canary", lambda: _shares_traffic(functions) or ended() or None, _CANARY_SECONDS, 0.2)
        while not ended():
            statuses.append(customer.get(known).status_code)
        after = {customer.get(known).status_code for _ in range(40)}
        if after != {200}:
            raise StackError(f"after the canary was rolled back, prod responded {after}")
        return f"{sum(status >= 500 for status in statuses)} of {len(statuses)} responses failed, then none of 40"

    def lose_home_region(self) -> list[dict[str, Any]]:
        """Place orders in prod, lose its home region, and return the orders."""
        home = self._accounts.customer("prod")
        orders = [order(home) for _ in range(3)]
        api = self._accounts.outputs("prod")["api_id"]
        self._stack.lost_file.write_text(f"{ENVIRONMENTS['prod'].region}\n{api}\n")
        if home.get(orders[0]["id"]).status_code != 503:
            raise StackError("the home region is lost but still responds")
        return orders

    def require_orders_in_failover(self, orders: list[dict[str, Any]]) -> None:
        """Check that the fail-over has these orders and their invoices, and takes a new one."""
        there = self._accounts.customer("failover")
        found = [there.get(each["id"]) for each in orders]
        if any(response.status_code != 200 for response in found):
            raise StackError(f"after the loss the orders' statuses are {[each.status_code for each in found]}")
        bucket = Store(self._client("s3", "failover"), self._accounts.outputs("failover")["orders_bucket"])
        for key in (response.json()["invoiceKey"] for response in found):
            if not (bucket.read(key) or b"").startswith(b"%PDF"):
                raise StackError(f"the fail-over has no copy of {key}")
        order(there)


def newest(orders: list[dict[str, Any]]) -> datetime:
    """When the newest order was placed."""
    return max(datetime.fromisoformat(each["dateCreated"]) for each in orders)


def _shares_traffic(functions: Any) -> bool:
    """Whether the function that prod's customers call has a canary."""
    return bool(traffic.shares(functions, "bbws-order-lambda-get-order-prod").others)
