"""Gives new versions part of the traffic, and all of it only if none of their calls failed (docs/release.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from common.observability import FAILURES_NAMESPACE
from release import traffic
from release.traffic import ALIAS, Move, TrafficError
from tooling.polling import DeadlineError, poll

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from mypy_boto3_lambda import LambdaClient

PERCENT = 10
# A version that fails one call in ten passes as many with a probability of 0.9 ** 30 = 4 %.
REQUIRED_CALLS = 30
_POLL_SECONDS = 5.0


class Seen(NamedTuple):
    """How many calls of the alias a new version had, and how many of them failed."""

    calls: int
    failed: int


def seen(cloudwatch: CloudWatchClient, versions: Mapping[str, str], since: datetime) -> dict[str, Seen]:
    """Read the calls of the alias that ran these versions of functions; metrics are about a minute late.

    A failed call is one that crashed or timed out, or one whose unexpected error the function caught.
    Source: AWS Lambda Developer Guide, "Viewing metrics for Lambda functions", dimension ExecutedVersion.
    """
    queries: list[MetricDataQueryTypeDef] = []
    for number, (function, version) in enumerate(versions.items()):
        alias = {"FunctionName": function, "Resource": f"{function}:{ALIAS}", "ExecutedVersion": version}
        caught = {"service": "order-lambda", "function": function, "version": version}
        for metric, namespace, dimensions in (
            ("Invocations", "AWS/Lambda", alias),
            ("Errors", "AWS/Lambda", alias),
            ("FailedCalls", FAILURES_NAMESPACE, caught),
        ):
            pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
            of = {"Namespace": namespace, "MetricName": metric, "Dimensions": pairs}
            stat = {"Metric": of, "Period": 60, "Stat": "Sum"}
            queries.append({"Id": f"{metric.lower()}_{number}", "MetricStat": stat})  # type: ignore[typeddict-item]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=since, EndTime=datetime.now(UTC) + timedelta(minutes=1)
    )
    sums = dict.fromkeys((query["Id"] for query in queries), 0.0)
    for page in pages:
        for result in page["MetricDataResults"]:
            sums[result["Id"]] += sum(result["Values"])
    return {
        function: Seen(
            int(sums[f"invocations_{number}"]), int(sums[f"errors_{number}"] + sums[f"failedcalls_{number}"])
        )
        for number, function in enumerate(versions)
    }


def run(
    functions: LambdaClient,
    cloudwatch: CloudWatchClient,
    names: Collection[str],
    watched: Collection[str],
    seconds: float,
    required_calls: int = REQUIRED_CALLS,
) -> dict[str, Move]:
    """Give the newest versions part of the traffic, then all of it if none of their calls failed in this time.

    Returns what moved, by name of the function, with the calls that each new version had.

    Raises:
        TrafficError: a new version does not run, failed a call or had fewer than the required calls, or a watched
            alarm is in ALARM; the traffic is where it was.
    """

    def in_alarm() -> list[str]:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(StateValue="ALARM")
        return sorted(a["AlarmName"] for page in pages for a in page["MetricAlarms"] if a["AlarmName"] in watched)

    if firing := in_alarm():
        raise TrafficError(f"in ALARM already: {', '.join(firing)}; fix that first, then shift the traffic")
    found = traffic.pending_moves(functions, names)
    newest = {function: move.newest for function, move in found.items()}
    traffic.require_running(functions, newest)
    if not found:
        return found
    since, latest = datetime.now(UTC), dict[str, Seen]()

    def problems() -> str | None:
        latest.update(seen(cloudwatch, newest, since))
        failures = [
            f"{function}: version {newest[function]} had {calls} calls, failed: {failed}"
            for function, (calls, failed) in latest.items()
            if failed
        ]
        alarms = [f"in ALARM: {', '.join(firing)}"] if (firing := in_alarm()) else []
        return "; ".join([*failures, *alarms]) or None

    try:
        for function, move in found.items():
            traffic.set_alias(functions, function, move.current, {move.newest: PERCENT / 100})
        with suppress(DeadlineError):
            problem = poll("a failure", problems, seconds, min(_POLL_SECONDS, seconds / 4))
            raise TrafficError(
                f"rolled back after {PERCENT} % of the traffic; {problem}\n"
                "The previous versions have all traffic again: fix the cause, and make a new release."
            )
        quiet = [f"{function} had {calls}" for function, (calls, _) in latest.items() if calls < required_calls]
        if quiet:
            raise TrafficError(
                f"rolled back: the canary cannot judge a new version by fewer than {required_calls} calls: "
                f"{', '.join(quiet)}\nThe previous versions have all traffic again. Deploy again when there is more "
                "traffic, with more --seconds, or with --allow-quiet-canary, which the history records."
            )
    except BaseException:
        # Ctrl-C while watching rolls back too.
        for function, move in found.items():
            traffic.set_alias(functions, function, move.current)
        raise
    for function, move in found.items():
        traffic.set_alias(functions, function, move.newest)
    return {function: move._replace(calls=latest[function].calls) for function, move in found.items()}
