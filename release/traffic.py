"""Traffic of the alias `live`: Terraform makes versions, this moves the alias to them (docs/release.md)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenacity import RetryError as _GaveUpError
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tooling.cli import UserError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient

ALIAS = "live"
_POLL_SECONDS = 5.0
# To the API a path without a route, to a consumer an empty batch: a call that does nothing.
NOTHING = {"httpMethod": "GET", "path": "/", "requestContext": {"requestId": "smoke"}, "Records": []}


class TrafficError(UserError):
    """Traffic stays where it was; the text says why."""


@dataclass(frozen=True)
class Move:
    """From the version that has the traffic to the newest one."""

    current: str
    newest: str


def call(client: LambdaClient, function: str, qualifier: str) -> None:
    """Call a function with nothing to do.

    Args:
        client: of Lambda.
        function: its name in AWS.
        qualifier: version or alias.

    Raises:
        TrafficError: the function does not run.
    """
    answer = client.invoke(FunctionName=function, Qualifier=qualifier, Payload=json.dumps(NOTHING))
    if "FunctionError" in answer:
        raise TrafficError(
            f"{function}:{qualifier} does not run: {answer['Payload'].read().decode()}\n"
            "The version before it keeps the traffic: mend the function, and deploy it again."
        )


def moves(client: LambdaClient, functions: Collection[str]) -> dict[str, Move]:
    """The functions whose newest version does not have all the traffic."""
    found = {}
    for function in functions:
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        versions = [int(v["Version"]) for page in pages for v in page["Versions"] if v["Version"] != "$LATEST"]
        alias = client.get_alias(FunctionName=function, Name=ALIAS)
        newest = str(max(versions))
        if alias["FunctionVersion"] != newest or alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            found[function] = Move(alias["FunctionVersion"], newest)
    return found


def _set(client: LambdaClient, function: str, version: str, weights: Mapping[str, float]) -> None:
    client.update_alias(
        FunctionName=function,
        Name=ALIAS,
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights},
    )


def finish(client: LambdaClient, functions: Collection[str]) -> dict[str, Move]:
    """Give all traffic to the newest versions, each called once before; return what was moved.

    Raises:
        TrafficError: a new version does not run; nothing was moved.
    """
    found = moves(client, functions)
    move_to(client, {function: move.newest for function, move in found.items()})
    return found


def move_to(client: LambdaClient, versions: Mapping[str, str]) -> None:
    """Give all traffic to these versions, each called once before.

    Args:
        client: of Lambda.
        versions: of each function, by its name.

    Raises:
        TrafficError: a version does not run; nothing was moved.
    """
    for function, version in versions.items():
        call(client, function, version)
    for function, version in versions.items():
        _set(client, function, version, {})


def live_versions(client: LambdaClient, functions: Collection[str]) -> dict[str, str]:
    """The version of each function that has the traffic."""
    return {name: client.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"] for name in functions}


def _ringing(client: CloudWatchClient, alarms: Collection[str]) -> list[str]:
    pages = client.get_paginator("describe_alarms").paginate(StateValue="ALARM")
    return sorted(a["AlarmName"] for page in pages for a in page["MetricAlarms"] if a["AlarmName"] in alarms)


def canary(
    functions: LambdaClient,
    alarms: CloudWatchClient,
    names: Collection[str],
    watched: Collection[str],
    percent: int,
    seconds: float,
) -> dict[str, Move]:
    """Give the newest versions a part of the traffic, watch, and go on or back.

    Args:
        functions: client of Lambda.
        alarms: client of CloudWatch.
        names: of the functions, in AWS.
        watched: names of the alarms that turn it back.
        percent: of the traffic, 1 to 99.
        seconds: to watch.

    Returns:
        What was moved.

    Raises:
        TrafficError: a new version does not run, or an alarm rang; all traffic is where it was.
    """
    before = _ringing(alarms, watched)
    if before:
        raise TrafficError(f"{', '.join(before)} ring already: nothing is shifted before that is over")
    found = moves(functions, names)
    for function, move in found.items():
        call(functions, function, move.newest)
    if not found:
        return found
    try:
        for function, move in found.items():
            _set(functions, function, move.current, {move.newest: percent / 100})
        rang = _watch(alarms, watched, seconds)
        if rang:
            raise TrafficError(
                f"turned back after {percent} % of the traffic: {', '.join(rang)} rang\n"
                "The versions before have all traffic again: mend what rang, and release anew."
            )
    except BaseException:
        # An interrupted watch is no success either.
        for function, move in found.items():
            _set(functions, function, move.current, {})
        raise
    for function, move in found.items():
        _set(functions, function, move.newest, {})
    return found


def _watch(client: CloudWatchClient, alarms: Collection[str], seconds: float) -> list[str]:
    """The alarms that rang within a time; none if it passed quietly."""
    interval = min(_POLL_SECONDS, seconds / 4)
    watching = Retrying(
        stop=stop_after_delay(seconds), wait=wait_fixed(interval), retry=retry_if_result(lambda rang: not rang)
    )
    try:
        return watching(_ringing, client, alarms)
    except _GaveUpError:
        return []
