"""Alarms of the stack: read them, and make them change state within seconds."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from e2e.tenant import DEADLINE_SECONDS
from localstack.targets import Platform
from tooling.polling import poll

# CloudWatch allows no shorter period.
_PERIOD_SECONDS = 10


def describe(platform: Platform, names: list[str] | None = None) -> list[dict[str, Any]]:
    """The alarms with these names, or every alarm."""
    request: Any = {"AlarmNames": names} if names else {}
    pages = platform.aws.cloudwatch.get_paginator("describe_alarms").paginate(**request)
    return [dict(alarm) for page in pages for alarm in page["MetricAlarms"]]


@contextmanager
def short_periods(platform: Platform, names: list[str], **changes: Any) -> Iterator[None]:
    """Let alarms evaluate ten seconds instead of minutes; their metrics stay, and their settings are put back.

    Args:
        platform: Stack that has the alarms.
        names: Names of the alarms.
        changes: Other settings to change meanwhile, such as Threshold.
    """
    model: Any = platform.aws.cloudwatch.meta.service_model
    settings = model.operation_model("PutMetricAlarm").input_shape.members
    before = [{name: alarm[name] for name in alarm if name in settings} for alarm in describe(platform, names)]
    assert len(before) == len(names), f"expected {names}, found {[alarm['AlarmName'] for alarm in before]}"
    for alarm in before:
        changed = copy.deepcopy(alarm) | changes
        if "Metrics" in changed:
            for query in changed["Metrics"]:
                query.get("MetricStat", {})["Period"] = _PERIOD_SECONDS
        else:
            changed["Period"] = _PERIOD_SECONDS
        platform.aws.cloudwatch.put_metric_alarm(**changed)
    try:
        yield
    finally:
        for alarm in before:
            platform.aws.cloudwatch.put_metric_alarm(**alarm)


def wait_for_alarm(platform: Platform, names: list[str]) -> None:
    """Wait until each of these alarms has been in ALARM at least once."""
    left = set(names)

    def all_seen() -> bool | None:
        left.difference_update(a["AlarmName"] for a in describe(platform, names) if a["StateValue"] == "ALARM")
        return not left or None

    poll(f"{', '.join(names)} in ALARM", all_seen, DEADLINE_SECONDS)
