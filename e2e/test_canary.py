"""The canary of a deployment, on a function that customers call through the API."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from e2e import permissions
from e2e.applied import put_back
from e2e.tenant import Tenant
from localstack.targets import Platform
from release import canary, traffic
from release.traffic import TrafficError

pytestmark = [pytest.mark.alone, pytest.mark.needs("metrics")]


@contextmanager
def broken_version(platform: Platform, function: str) -> Iterator[str]:
    """Publish a version of a function that has the name of another table; at the end it and its traffic are gone."""
    functions = platform.aws.functions

    def variables() -> dict[str, str]:
        return functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]

    def state() -> tuple[dict[str, str], dict[str, str]]:
        return variables(), traffic.live_versions(functions, [function])

    live, before = traffic.live_versions(functions, [function])[function], variables()
    with put_back(state):
        broken = before | {"ORDERS_TABLE": "bbws-no-such-table"}
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": broken})
        version = functions.publish_version(FunctionName=function)["Version"]
        try:
            yield version
        finally:
            traffic.set_alias(functions, function, live)
            functions.delete_function(FunctionName=function, Qualifier=version)
            functions.update_function_configuration(FunctionName=function, Environment={"Variables": before})
            permissions.forget_denials()


def test_canary_with_caught_errors_is_rolled_back(
    platform: Platform, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that responds with 500 is rolled back by its own calls, and customers read their orders as before."""
    order, function = tenant.ordered()["id"], platform.outputs["function_names"]["get_order"]
    functions, ended = platform.aws.functions, threading.Event()
    # The engine's metrics are not late, as those of AWS are.
    monkeypatch.setattr(canary, "_POLL_SECONDS", 0.5)
    (live,) = traffic.live_versions(functions, [function]).values()

    def read() -> set[int]:
        statuses = set()
        while not ended.is_set():
            statuses.add(tenant.get(order).status_code)
        return statuses

    with broken_version(platform, function) as version, ThreadPoolExecutor(max_workers=1) as pool:
        statuses = pool.submit(read)
        try:
            with pytest.raises(TrafficError, match=f"{function}: version {version} had [0-9]+ calls, failed: [1-9]"):
                # Without alarms, so that only the calls of the new version are left to judge by.
                canary.run(functions, platform.aws.cloudwatch, [function], [], seconds=120)
        finally:
            ended.set()
        assert statuses.result() == {200, 500}
        assert traffic.misplaced(functions, {function: live}) == {}
        assert {tenant.get(order).status_code for _ in range(20)} == {200}
