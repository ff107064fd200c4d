"""How long the API takes to answer a customer."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import requests

from labs.bench.turns import in_turn
from localstack import seed
from localstack.aws import Aws
from localstack.stack import Stack, StackError

_HTTP_SECONDS = 40
# Of each side in a round, and before it.
_TIMES, _WARM = 200, 30


class Customer:
    """A user of a tenant, whose requests go over one connection.

    Args:
        stack: whose user pool the user is added to.
        tenant: whose.
    """

    def __init__(self, stack: Stack, tenant: str) -> None:
        cognito, outputs = Aws(stack.endpoint).cognito, stack.outputs
        self.email = f"buyer@{tenant}.example"
        seed.add_user(cognito, outputs["user_pool_id"], self.email, seed.PASSWORD, tenant)
        tokens = seed.sign_in(
            cognito, outputs["user_pool_id"], outputs["user_pool_client_id"], self.email, seed.PASSWORD
        )
        self.tenant = tenant
        self._api = stack.api_url
        self._http = requests.Session()
        # Else each request looks for a proxy in the environment.
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {tokens['IdToken']}"

    def ask(self, method: str, path: str, wanted: int, body: dict[str, Any] | None = None) -> requests.Response:
        """An answer of the API.

        Args:
            method: of the request.
            path: below the stage, with its query.
            wanted: status.
            body: sent as JSON.

        Raises:
            StackError: another status was answered, or nothing.
        """
        try:
            answer = self._http.request(method, self._api + path, json=body, timeout=_HTTP_SECONDS)
        except requests.RequestException as error:
            raise StackError(f"{method} {path} was not answered: {error}") from error
        if answer.status_code != wanted:
            raise StackError(f"{method} {path} was answered {answer.status_code}, not {wanted}: {answer.text}")
        return answer

    def seconds(self, method: str, path: str, wanted: int, body: dict[str, Any] | None = None) -> float:
        """How long an answer takes, in seconds.

        Raises:
            StackError: another status was answered, or nothing.
        """
        began = time.perf_counter()
        self.ask(method, path, wanted, body)
        return time.perf_counter() - began


class Round(NamedTuple):
    """The times of one round, in seconds."""

    ours: list[float]
    floor: list[float]


def side_by_side(ours: Callable[[], float], floor: Callable[[], float]) -> Round:
    """A round of two ways to ask."""
    return Round(*in_turn(ours, floor, _TIMES, _WARM))
