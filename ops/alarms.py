"""Alarms of an environment: which are in ALARM, why, and which section of the runbook to read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from tooling.cli import UserError
from tooling.polling import DeadlineError, poll

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_POLL_SECONDS = 5.0


class AlarmError(UserError):
    """An alarm does not exist, or stays in ALARM; the text says which."""


class Alarm(NamedTuple):
    """An alarm: its state (ALARM, OK or INSUFFICIENT_DATA), CloudWatch's reason for it, and since when it has it.

    The description says what it means and ends with the URL of its section in the runbook.
    """

    name: str
    state: str
    reason: str
    description: str
    since: datetime | None = None

    @property
    def in_alarm(self) -> bool:
        """Whether it is in ALARM."""
        return self.state == "ALARM"


def alarms(client: CloudWatchClient, names: Collection[str]) -> list[Alarm]:
    """The alarms of these names; those in ALARM come first. Raises AlarmError: one of them does not exist."""
    pages = client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
    found = [
        Alarm(
            name=one["AlarmName"],
            state=one["StateValue"],
            reason=one["StateReason"],
            description=one.get("AlarmDescription", ""),
            since=one.get("StateUpdatedTimestamp"),
        )
        for page in pages
        for one in page["MetricAlarms"]
        if one["AlarmName"] in names
    ]
    missing = sorted(set(names) - {alarm.name for alarm in found})
    if missing:
        raise AlarmError(
            f"there is no alarm {', '.join(missing)}: docs/runbooks/troubleshooting.md has a heading for each"
        )
    return sorted(found, key=lambda alarm: (not alarm.in_alarm, alarm.name))


def wait_until_ok(client: CloudWatchClient, names: Collection[str], seconds: float) -> list[Alarm]:
    """The alarms of these names, once none of them is in ALARM.

    Raises AlarmError: one of them does not exist, or is still in ALARM after this time.
    """
    found: list[Alarm] = []

    def all_ok() -> list[Alarm] | None:
        found[:] = alarms(client, names)
        return None if any(alarm.in_alarm for alarm in found) else found

    try:
        return poll("no alarm in ALARM", all_ok, seconds, min(_POLL_SECONDS, seconds / 4))
    except DeadlineError:
        left = ", ".join(alarm.name for alarm in found if alarm.in_alarm)
        raise AlarmError(f"still in ALARM after {seconds:g} s: {left}; read its section in the runbook again") from None
