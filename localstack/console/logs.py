"""What the functions log: the JSON lines of their logger, and the REPORT line of each invocation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from localstack.logs import LOGGER_FIELDS, utc

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_DURATION = re.compile(r"^REPORT RequestId: (\S+)\s+Duration: ([0-9.]+) ms")


class Line(NamedTuple):
    """A log line of a function in functions/; `fields` are those that not every line has."""

    function: str
    stream: str
    request_id: str
    at: datetime
    level: str
    message: str
    correlation_id: str
    fields: Mapping[str, Any]


class Invocation(NamedTuple):
    """An invocation of a function, from its REPORT line: the start is the end less the duration."""

    function: str
    request_id: str
    started: datetime
    ended: datetime


def parse_line(function: str, stream: str, text: str) -> Line | None:
    """Parse a line of the logger; None for any other line, such as a metric."""
    try:
        content = json.loads(text)
        return Line(
            function=function,
            stream=stream,
            request_id=str(content.get("function_request_id", "")),
            at=datetime.fromisoformat(content["timestamp"]),
            level=str(content["level"]),
            message=str(content["message"]),
            correlation_id=str(content.get("correlation_id") or ""),
            fields={name: value for name, value in content.items() if name not in LOGGER_FIELDS},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def parse_report(function: str, ended: datetime, text: str) -> Invocation | None:
    """Parse a REPORT line; None for any other line."""
    found = _DURATION.match(text)
    return Invocation(function, found[1], ended - timedelta(milliseconds=float(found[2])), ended) if found else None


class FunctionLogs:
    """Reads the log groups of the functions; `names` are their AWS names, by folder."""

    def __init__(self, client: CloudWatchLogsClient, names: Mapping[str, str]) -> None:
        self._client = client
        self.names = names

    def lines(self, function: str, words: str, since: datetime) -> list[Line]:
        """At most 10,000 lines since a time with all of these words (letters, digits, `.`, `_`, `-`), oldest first."""
        pattern = " ".join(f'"{word}"' for word in words.split())
        events = self._events(function, filterPattern=pattern, startTime=int(since.timestamp() * 1_000))
        lines = [parse_line(function, event["logStreamName"], event["message"]) for event in events]
        return [line for line in lines if line]

    def invocations(self, lines: list[Line]) -> list[Invocation]:
        """The finished invocations that logged these lines, in order of their start."""
        ids, first = {line.request_id for line in lines}, dict[tuple[str, str], datetime]()
        for line in sorted(lines, key=lambda each: each.at, reverse=True):
            first[line.function, line.stream] = line.at
        found = [
            parse_report(function, utc(event["timestamp"]), event["message"])
            for (function, stream), at in sorted(first.items())
            for event in self._events(
                function, filterPattern='"REPORT"', logStreamNames=[stream], startTime=int(at.timestamp() * 1_000)
            )
        ]
        return sorted((each for each in found if each and each.request_id in ids), key=lambda each: each.started)

    def _events(self, function: str, **filters: Any) -> list[Any]:
        group = f"/aws/lambda/{self.names[function]}"
        try:
            return list(self._client.filter_log_events(logGroupName=group, **filters)["events"])
        except self._client.exceptions.ResourceNotFoundException:
            # A function that was never invoked has no log group.
            return []
