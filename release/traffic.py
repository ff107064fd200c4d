"""Moves the traffic of the alias `live` to the function versions that Terraform made (docs/release.md)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import WaiterError

from tooling.cli import UserError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ALIAS = "live"
# An unknown route for the API, an empty batch for a consumer: the function runs and does nothing.
EMPTY_EVENT = {"httpMethod": "GET", "path": "/", "requestContext": {"requestId": "smoke"}, "Records": []}
_DOES_NOT_RUN = "{}:{} does not run: {}\nThe previous version keeps the traffic: fix the function, and deploy it again."


class TrafficError(UserError):
    """The traffic stays with the current versions; the text says why."""


class Move(NamedTuple):
    """A move of traffic from the current version of a function to its newest one.

    Args:
        calls: How many calls the newest version had in a canary; None without one.
    """

    current: str
    newest: str
    calls: int | None = None


class Shares(NamedTuple):
    """Who has the traffic of an alias: its version, except for the shares of others."""

    version: str
    others: dict[str, float]

    def __str__(self) -> str:
        shares = {**self.others, self.version: 1 - sum(self.others.values())}
        return ", ".join(f"{share:.0%} version {version}" for version, share in shares.items())


def shares(client: LambdaClient, function: str) -> Shares:
    """Who has the traffic of a function."""
    alias = client.get_alias(FunctionName=function, Name=ALIAS)
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return Shares(alias["FunctionVersion"], dict(weights))


def versions(client: LambdaClient, function: str) -> list[int]:
    """The published versions of a function, oldest first."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    return sorted(int(v["Version"]) for page in pages for v in page["Versions"] if v["Version"] != "$LATEST")


def invoke_empty(client: LambdaClient, function: str, qualifier: str) -> None:
    """Invoke a version or alias of a function with an event that gives it nothing to do, to see that it runs.

    Raises TrafficError: the function does not run.
    """
    response = client.invoke(FunctionName=function, Qualifier=qualifier, Payload=json.dumps(EMPTY_EVENT))
    if "FunctionError" in response:
        raise TrafficError(_DOES_NOT_RUN.format(function, qualifier, response["Payload"].read().decode()))


def require_running(client: LambdaClient, chosen: Mapping[str, str]) -> None:
    """Check that these versions, by name of their function, run. Raises TrafficError: one does not."""
    for function, version in chosen.items():
        try:
            # AWS refuses to invoke a new version while it is pending.
            client.get_waiter("function_active_v2").wait(FunctionName=function, Qualifier=version)
        except WaiterError as error:
            raise TrafficError(_DOES_NOT_RUN.format(function, version, error)) from None
        invoke_empty(client, function, version)


def pending_moves(client: LambdaClient, functions: Collection[str]) -> dict[str, Move]:
    """The functions whose newest version does not have all the traffic."""
    found = {}
    for function in functions:
        current, newest = shares(client, function), str(versions(client, function)[-1])
        if current.version != newest or current.others:
            found[function] = Move(current.version, newest)
    return found


def move_to_newest(client: LambdaClient, functions: Collection[str]) -> dict[str, Move]:
    """Give all traffic to the newest versions, once each of them runs; returns what moved.

    Raises TrafficError: a new version does not run; nothing moved.
    """
    found = pending_moves(client, functions)
    move_to(client, {function: move.newest for function, move in found.items()})
    return found


def move_to(client: LambdaClient, chosen: Mapping[str, str]) -> None:
    """Give all traffic to these versions, by name of their function, once each of them runs.

    Raises TrafficError: a version does not run; nothing moved.
    """
    require_running(client, chosen)
    for function, version in chosen.items():
        set_alias(client, function, version)


def live_versions(client: LambdaClient, functions: Collection[str]) -> dict[str, str]:
    """The version of each function that has the traffic."""
    return {name: shares(client, name).version for name in functions}


def misplaced(client: LambdaClient, expected: Mapping[str, str]) -> dict[str, Shares]:
    """The functions of which other versions than these have traffic, by name of the function."""
    current = {function: shares(client, function) for function in expected}
    return {function: each for function, each in current.items() if each != Shares(expected[function], {})}


def settle(client: LambdaClient, expected: Mapping[str, str]) -> dict[str, Shares]:
    """Give all traffic back to these versions; returns who had it where that changed."""
    found = misplaced(client, expected)
    for function in found:
        set_alias(client, function, expected[function])
    return found


def set_alias(client: LambdaClient, function: str, version: str, weights: Mapping[str, float] | None = None) -> None:
    """Give a version all traffic of the alias, except the shares of other versions."""
    client.update_alias(
        FunctionName=function,
        Name=ALIAS,
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights or {}},
    )
