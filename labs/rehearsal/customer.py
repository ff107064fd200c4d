"""A customer of an environment: signs in, places an order and requests it."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from labs.customers import sign_up
from labs.rehearsal.accounts import Accounts
from localstack import demo
from localstack.stack import api_url
from release.environments import EnvironmentName
from tooling.order_client import OrderClient

_SECONDS = 60


class Customer:
    """A customer who is signed in to an environment."""

    def __init__(self, accounts: Accounts, environment: EnvironmentName) -> None:
        outputs = accounts.outputs(environment)
        cognito = accounts.client("cognito-idp", accounts.root(environment))
        token = sign_up(cognito, outputs, "tenant-acme", "thandi@acme.example")
        url = api_url(accounts.endpoint, outputs)
        self.api = OrderClient(url, token, verify=accounts.bundle, timeout=_SECONDS)

    def order(self) -> dict[str, Any]:
        """Place the demo order, and return it once it has its invoice."""
        order_id = self.api.place(demo.order(), idempotency_key=str(uuid.uuid4())).order_id
        return self.api.await_invoiced(order_id, _SECONDS)

    @contextmanager
    def polling(self, order_id: str, has_begun: Callable[[], bool]) -> Iterator[list[int]]:
        """Request an order again and again once a condition holds; yields the response statuses, which grow."""
        statuses: list[int] = []
        done = threading.Event()

        def request() -> None:
            while not has_begun():
                if done.wait(0.2):
                    return
            while not done.is_set():
                statuses.append(self.api.get(order_id).status_code)

        thread = threading.Thread(target=request, daemon=True)
        thread.start()
        try:
            yield statuses
        finally:
            done.set()
            thread.join(_SECONDS)
