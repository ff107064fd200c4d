"""Moves the traffic of the alias `live` to the function versions that Terraform made (docs/release.md)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import WaiterError

from tooling.cli import UserError
from tooling.polling import DeadlineError, poll

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient

ALIAS = "live"
_POLL_SECONDS = 5.0
# An unknown route for the API, an empty batch for a consumer: the function runs and does nothing.
EMPTY_EVENT = {"httpMethod": "GET", "path": "/", "requestContext": {"requestId": "smoke"}, "Records": []}
_DOES_NOT_RUN = "{}:{} does not run: {}\nThe previous version keeps the traffic: fix the function, and deploy it again."


class TrafficError(UserError):
    """The traffic stays with the current versions; the text says why."""


class Move(NamedTuple):
    """A move of traffic from the current version of a function to its newest one."""

    current: str
    newest: str


def invoke_empty(client: LambdaClient, function: str, qualifier: str) -> None:
    """Invoke a version or alias of a function with an event that gives it nothing to do, to see that it runs.

    Raises TrafficError: the function does not run.
    """
    response = client.invoke(FunctionName=function, Qualifier=qualifier, Payload=json.dumps(EMPTY_EVENT))
    if "FunctionError" in response:
        raise TrafficError(_DOES_NOT_RUN.format(function, qualifier, response["Payload"].read().decode()))


def _require_running(client: LambdaClient, versions: Mapping[str, str]) -> None:
    for function, version in versions.items():
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
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        newest = str(max(int(v["Version"]) for page in pages for v in page["Versions"] if v["Version"] != "$LATEST"))
        alias = client.get_alias(FunctionName=function, Name=ALIAS)
        if alias["FunctionVersion"] != newest or alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            found[function] = Move(alias["FunctionVersion"], newest)
    return found


def move_to_newest(client: LambdaClient, functions: Collection[str]) -> dict[str, Move]:
    """Give all traffic to the newest versions, once each of them runs; returns what moved.

    Raises TrafficError: a new version does not run; nothing moved.
    """
    found = pending_moves(client, functions)
    move_to(client, {function: move.newest for function, move in found.items()})
    return found


def move_to(client: LambdaClient, versions: Mapping[str, str]) -> None:
    """Give all traffic to these versions, by name of their function, once each of them runs.

    Raises TrafficError: a version does not run; nothing moved.
    """
    _require_running(client, versions)
    for function, version in versions.items():
        _set_alias(client, function, version)


def live_versions(client: LambdaClient, functions: Collection[str]) -> dict[str, str]:
    """The version of each function that has the traffic."""
    return {name: client.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"] for name in functions}


def canary(
    functions: LambdaClient,
    alarms: CloudWatchClient,
    names: Collection[str],
    watched: Collection[str],
    percent: int,
    seconds: float,
) -> dict[str, Move]:
    """Give the newest versions part of the traffic, then all of it, or none if a watched alarm is in ALARM.

    Returns what moved, by name of the function.

    Raises:
        TrafficError: a new version does not run, or an alarm is in ALARM; the traffic is where it was.
    """

    def in_alarm() -> list[str]:
        pages = alarms.get_paginator("describe_alarms").paginate(StateValue="ALARM")
        return sorted(a["AlarmName"] for page in pages for a in page["MetricAlarms"] if a["AlarmName"] in watched)

    if firing := in_alarm():
        raise TrafficError(f"in ALARM already: {', '.join(firing)}; fix that first, then shift the traffic")
    found = pending_moves(functions, names)
    _require_running(functions, {function: move.newest for function, move in found.items()})
    if not found:
        return found
    try:
        for function, move in found.items():
            _set_alias(functions, function, move.current, {move.newest: percent / 100})
        with suppress(DeadlineError):
            firing = poll("an alarm", lambda: in_alarm() or None, seconds, min(_POLL_SECONDS, seconds / 4))
            raise TrafficError(
                f"rolled back after {percent} % of the traffic; in ALARM: {', '.join(firing)}\n"
                "The previous versions have all traffic again: fix the cause, and make a new release."
            )
    except BaseException:
        # Ctrl-C while watching rolls back too.
        for function, move in found.items():
            _set_alias(functions, function, move.current)
        raise
    for function, move in found.items():
        _set_alias(functions, function, move.newest)
    return found


def _set_alias(client: LambdaClient, function: str, version: str, weights: Mapping[str, float] | None = None) -> None:
    client.update_alias(
        FunctionName=function,
        Name=ALIAS,
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights or {}},
    )
