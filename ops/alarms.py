"""The alarms of an environment: which ring, why, and what to read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenacity import RetryError as _GaveUpError
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tooling.cli import UserError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_POLL_SECONDS = 5.0


class AlarmError(UserError):
    """There is no such alarm, or it does not fall silent; the text says which."""


@dataclass(frozen=True)
class Alarm:
    """An alarm.

    Args:
        name: of it.
        state: ALARM, OK or INSUFFICIENT_DATA.
        reason: of the state, as CloudWatch says it.
        description: ends with the URL of its section in the runbook.
    """

    name: str
    state: str
    reason: str
    description: str

    @property
    def rings(self) -> bool:
        """Whether it rings."""
        return self.state == "ALARM"


def alarms(client: CloudWatchClient, names: Collection[str]) -> list[Alarm]:
    """The alarms of these names, those that ring first.

    Raises:
        AlarmError: one of them does not exist.
    """
    pages = client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
    found = [
        Alarm(one["AlarmName"], one["StateValue"], one["StateReason"], one.get("AlarmDescription", ""))
        for page in pages
        for one in page["MetricAlarms"]
        if one["AlarmName"] in names
    ]
    missing = sorted(set(names) - {alarm.name for alarm in found})
    if missing:
        raise AlarmError(f"there is no alarm {', '.join(missing)}: `make alarms` lists those that there are")
    return sorted(found, key=lambda alarm: (not alarm.rings, alarm.name))


def wait_until_quiet(client: CloudWatchClient, names: Collection[str], seconds: float) -> list[Alarm]:
    """The alarms of these names, once none of them rings.

    Args:
        client: of CloudWatch.
        names: of the alarms.
        seconds: how long to wait.

    Raises:
        AlarmError: one of them does not exist, or rings on.
    """
    waiting = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(min(_POLL_SECONDS, seconds / 4)),
        retry=retry_if_result(lambda found: any(alarm.rings for alarm in found)),
    )
    try:
        return waiting(alarms, client, names)
    except _GaveUpError as gave_up:
        ringing = [alarm.name for alarm in gave_up.last_attempt.result() if alarm.rings]
        raise AlarmError(f"after {seconds:g} s there still rings {', '.join(ringing)}") from None
