"""The alarms of the stack, those that sound first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_ORDER = {"ALARM": 0, "INSUFFICIENT_DATA": 1, "OK": 2}


@dataclass(frozen=True)
class Alarm:
    """An alarm.

    Args:
        name: of it.
        description: what it means.
        state: ALARM, OK or INSUFFICIENT_DATA.
        reason: for the state.
        since: when the state was reached; None if it has not been evaluated.
    """

    name: str
    description: str
    state: str
    reason: str
    since: datetime | None


def alarms(client: CloudWatchClient, names: Collection[str]) -> list[Alarm]:
    """The alarms of these names, by state and name."""
    found = [
        Alarm(
            name=alarm["AlarmName"],
            description=alarm.get("AlarmDescription", ""),
            state=alarm["StateValue"],
            reason=alarm.get("StateReason", ""),
            since=alarm.get("StateUpdatedTimestamp"),
        )
        for page in client.get_paginator("describe_alarms").paginate()
        for alarm in page["MetricAlarms"]
        if alarm["AlarmName"] in names
    ]
    return sorted(found, key=lambda alarm: (_ORDER.get(alarm.state, 0), alarm.name))
