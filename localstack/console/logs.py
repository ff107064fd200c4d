"""What the functions logged: their JSON lines, and the REPORT line of each call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_DURATION = re.compile(r"^REPORT RequestId: (\S+)\s+Duration: ([0-9.]+) ms")
# Of the logger, not of the service.
_NOISE = {
    "level", "location", "message", "timestamp", "service", "cold_start", "function_name", "function_memory_size",
    "function_arn", "function_request_id", "correlation_id", "xray_trace_id",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line that a function logged.

    Args:
        function: its folder in functions/.
        stream: of the log.
        request_id: of the call that logged it.
        moment: when it was logged.
        level: such as INFO.
        message: what it says.
        correlation_id: of the request or message; empty outside of one.
        fields: all else that it holds, but for what every line of the function has.
    """

    function: str
    stream: str
    request_id: str
    moment: datetime
    level: str
    message: str
    correlation_id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A call of a function, from its REPORT line.

    Args:
        function: its folder in functions/.
        request_id: of the call.
        started: when; the end less the duration.
        ended: when the call was over.
    """

    function: str
    request_id: str
    started: datetime
    ended: datetime


def moment_of(milliseconds: float) -> datetime:
    """The moment so many milliseconds after the epoch."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)


def parse_line(function: str, stream: str, text: str) -> Line | None:
    """A line of Powertools' logger; None for any other, such as a metric."""
    try:
        content = json.loads(text)
        moment = datetime.fromisoformat(content["timestamp"])
        return Line(
            function=function,
            stream=stream,
            request_id=str(content.get("function_request_id", "")),
            moment=moment,
            level=str(content["level"]),
            message=str(content["message"]),
            correlation_id=str(content.get("correlation_id") or ""),
            fields={name: value for name, value in content.items() if name not in _NOISE},
        )
    except (ValueError, KeyError, TypeError):
        return None


def parse_report(function: str, ended: datetime, text: str) -> Call | None:
    """A REPORT line as the call that it reports; None for any other line."""
    found = _DURATION.match(text)
    if not found:
        return None
    return Call(function, found[1], ended - timedelta(milliseconds=float(found[2])), ended)


class FunctionLogs:
    """Reads the log groups of the functions.

    Args:
        client: of the account.
        names: of the functions in AWS, by folder.
    """

    def __init__(self, client: CloudWatchLogsClient, names: Mapping[str, str]) -> None:
        self._client = client
        self._names = names

    @property
    def functions(self) -> list[str]:
        """The folders of the functions."""
        return list(self._names)

    def lines(self, function: str, words: str, since: datetime) -> list[Line]:
        """The lines with all of these words, oldest first; at most 10,000.

        Args:
            function: its folder.
            words: letters, digits and `.`, `_`, `-`, separated by spaces.
            since: the first moment.
        """
        pattern = " ".join(f'"{word}"' for word in words.split())
        events = self._events(function, filterPattern=pattern, startTime=int(since.timestamp() * 1_000))
        lines = [parse_line(function, event["logStreamName"], event["message"]) for event in events]
        return [line for line in lines if line]

    def calls(self, lines: list[Line]) -> list[Call]:
        """The calls that logged these lines, as far as they are over, by start."""
        wanted = {(line.function, line.stream) for line in lines}
        ids = {line.request_id for line in lines}
        found = [
            parse_report(function, moment_of(event["timestamp"]), event["message"])
            for function, stream in sorted(wanted)
            for event in self._events(function, filterPattern='"REPORT"', logStreamNames=[stream])
        ]
        return sorted((call for call in found if call and call.request_id in ids), key=lambda call: call.started)

    def _events(self, function: str, **narrowed: Any) -> list[Any]:
        group = f"/aws/lambda/{self._names[function]}"
        try:
            return list(self._client.filter_log_events(logGroupName=group, **narrowed)["events"])
        except self._client.exceptions.ResourceNotFoundException:
            # A function that was never called has no log.
            return []
