"""A customer of an environment: signs in, orders, and asks for the order."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from labs.rehearsal.accounts import Accounts
from localstack import demo, seed
from localstack.stack import StackError, api_url
from release.environments import EnvironmentName
from tooling.polling import poll

_SECONDS = 60
_TENANT = "tenant-acme"
_EMAIL = "thandi@acme.example"


class Customer:
    """A customer.

    Args:
        accounts: of the engine.
        environment: whose API is called.
    """

    def __init__(self, accounts: Accounts, environment: EnvironmentName) -> None:
        outputs = accounts.outputs(environment)
        pool, client = outputs["user_pool_id"], outputs["user_pool_client_id"]
        cognito = accounts.client("cognito-idp", accounts.root(environment))
        seed.add_user(cognito, pool, _EMAIL, seed.PASSWORD, _TENANT)
        tokens = seed.sign_in(cognito, pool, client, _EMAIL, seed.PASSWORD)
        self._url = api_url(accounts.endpoint, outputs)
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {tokens['IdToken']}"
        self._http.verify = accounts.bundle
        # A bundle in the environment would stand before this one.
        self._http.trust_env = False

    def order(self) -> dict[str, Any]:
        """Place the demo order, and return it once it has its invoice.

        Raises:
            StackError: it was refused, or has no invoice in time.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self._http.post(f"{self._url}/v1.0/orders", json=demo.order(), headers=headers, timeout=_SECONDS)
        if answer.status_code != 202:
            raise StackError(f"the API answered {answer.status_code}: {answer.text}")
        order_id = answer.json()["orderId"]

        def invoiced() -> dict[str, Any] | None:
            found = self.get(order_id)
            order: dict[str, Any] = found.json() if found.status_code == 200 else {}
            return order if "invoiceKey" in order else None

        return poll(f"the invoice of order {order_id}", invoiced, _SECONDS)

    def get(self, order_id: str) -> requests.Response:
        """Ask for an order."""
        return self._http.get(f"{self._url}/v1.0/orders/{order_id}", timeout=_SECONDS)

    @contextmanager
    def asking(self, order_id: str, since: Callable[[], bool]) -> Iterator[list[int]]:
        """Ask for an order again and again; gives the list of the answers' statuses, which grows.

        Args:
            order_id: of the order.
            since: asks whether to begin, five times a second.
        """
        statuses: list[int] = []
        done = threading.Event()

        def ask() -> None:
            while not since():
                if done.wait(0.2):
                    return
            while not done.is_set():
                statuses.append(self.get(order_id).status_code)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield statuses
        finally:
            done.set()
            thread.join(_SECONDS)
