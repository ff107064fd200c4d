"""Alarms of the stack, made to ring and to fall silent within seconds."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from e2e.tenant import DEADLINE_SECONDS
from localstack.targets import Platform
from tooling.polling import poll

# The shortest period that an alarm may have.
_PERIOD_SECONDS = 10
_DESCRIBED_ONLY = frozenset(
    {
        "AlarmArn",
        "AlarmConfigurationUpdatedTimestamp",
        "StateValue",
        "StateReason",
        "StateReasonData",
        "StateUpdatedTimestamp",
        "StateTransitionedTimestamp",
    }
)


def described(platform: Platform, names: list[str] | None = None) -> list[dict[str, Any]]:
    """Alarms of these names, or all."""
    request: Any = {"AlarmNames": names} if names else {}
    pages = platform.aws.cloudwatch.get_paginator("describe_alarms").paginate(**request)
    return [dict(alarm) for page in pages for alarm in page["MetricAlarms"]]


def _settings(alarm: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in alarm.items() if name not in _DESCRIBED_ONLY}


@contextmanager
def sharpened(platform: Platform, names: list[str], **changes: Any) -> Iterator[None]:
    """Have alarms look at ten seconds, so that they need not be waited for; what they look at stays.

    Args:
        platform: the stack.
        names: of the alarms.
        changes: of their other settings, such as Threshold.
    """
    before = [_settings(alarm) for alarm in described(platform, names)]
    assert len(before) == len(names), f"of {names} there is only {[alarm['AlarmName'] for alarm in before]}"
    for alarm in before:
        sharp = copy.deepcopy(alarm) | changes
        if "Metrics" in sharp:
            for query in sharp["Metrics"]:
                query.get("MetricStat", {})["Period"] = _PERIOD_SECONDS
        else:
            sharp["Period"] = _PERIOD_SECONDS
        platform.aws.cloudwatch.put_metric_alarm(**sharp)
    try:
        yield
    finally:
        for alarm in before:
            platform.aws.cloudwatch.put_metric_alarm(**alarm)


def wait_until_ringing(platform: Platform, names: list[str]) -> None:
    """Return when each of these alarms has rung."""
    left = set(names)

    def rang() -> bool | None:
        left.difference_update(a["AlarmName"] for a in described(platform, names) if a["StateValue"] == "ALARM")
        return not left or None

    poll(f"{', '.join(names)} ringing", rang, DEADLINE_SECONDS)
