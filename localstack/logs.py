"""`make logs`: the log of a function, in colour on a terminal, else a line of JSON for each event."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from localstack.aws import Aws
from localstack.stack import Stack, StackError
from release.packaging.build import function_names

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

_POLL_SECONDS = 0.5
# An event is in the log at most so long after its time.
_LATE_MS = 10_000
_LEVELS = {"DEBUG": "cyan", "INFO": "green", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
# First words of Lambda's own lines.
_LAMBDA_LINES = ("START ", "END ", "REPORT ", "INIT_START ")
# Fields that the logger adds to every line.
LOGGER_FIELDS = {
    *("level", "location", "message", "timestamp", "service", "cold_start", "correlation_id", "xray_trace_id"),
    *("function_name", "function_memory_size", "function_arn", "function_request_id"),
}
# Fields with a fixed place in the line, and those that are the same in every line.
_NOT_LISTED = (LOGGER_FIELDS - {"location", "xray_trace_id"}) | {"exception", "exception_name", "stack_trace"}


def show_logs(stack: Stack, function: str, follow: bool, console: Console) -> None:
    """Print the log of the function in a folder: readable lines on a terminal, JSON on anything else."""
    name = stack.outputs["function_names"][function]
    for event in _events(Aws(stack.endpoint).logs, f"/aws/lambda/{name}", follow):
        message = event["message"].rstrip()
        # Rich takes anything for a terminal where FORCE_COLOR is set.
        if console.file.isatty():
            console.print(readable(message, event["timestamp"]), soft_wrap=True)
        else:
            print(as_json(message, event["timestamp"]), file=console.file, flush=True)


def checked(function: str) -> str:
    """Return the folder of a function; StackError with the closest match, and all, if there is none."""
    names = function_names()
    if function in names:
        return function
    near = difflib.get_close_matches(function, names, n=1)
    wrong = f"there is no function {function!r}" if function else "no function is named"
    hint = f"; did you mean {near[0]}?" if near else ""
    raise StackError(f"{wrong}{hint}\nRun `make logs FUNCTION=…` with one of {', '.join(names)}")


def _events(client: CloudWatchLogsClient, group: str, follow: bool) -> Iterator[FilteredLogEventTypeDef]:
    """Yield the events of a log group by time, each once; with `follow` also future ones."""
    newest, seen = 0, set[int]()
    while True:
        # Later events can have earlier times, many of them after the clock was set back.
        since = min(newest, int(time.time() * 1_000) - _LATE_MS)
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
        for event in [event for page in pages for event in page["events"]]:
            # The events themselves would fill the memory within days.
            key = hash((event["logStreamName"], event["timestamp"], event["message"]))
            if key not in seen:
                seen.add(key)
                newest = max(newest, event["timestamp"])
                yield event
        if not follow:
            return
        time.sleep(_POLL_SECONDS)


def _object(message: str) -> dict[str, Any] | None:
    try:
        content = json.loads(message)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def as_json(message: str, timestamp: int) -> str:
    """Format an event as one line of JSON: as logged if it is one, else with its time, in ms, and text as `message`."""
    if _object(message) is not None and "\n" not in message:
        return message
    return json.dumps({"timestamp": utc(timestamp).isoformat(), "message": message})


def utc(timestamp: float) -> datetime:
    """UTC timestamp of milliseconds since the epoch."""
    return datetime.fromtimestamp(timestamp / 1000, UTC)


def readable(message: str, timestamp: int) -> Text:
    """Format an event as time, level, message, fields and correlation id; an exception gets separate lines."""
    clock = (f"{utc(timestamp).astimezone():%H:%M:%S.%f}"[:-3], "dim")
    found = _object(message)
    if found is None:
        text = message.replace("\t", "  ")
        return Text.assemble(clock, " ", (text, "dim" if message.startswith(_LAMBDA_LINES) else "yellow"))
    if "_aws" in found:
        names = [metric["Name"] for part in found["_aws"]["CloudWatchMetrics"] for metric in part["Metrics"]]
        return Text.assemble(clock, " ", ("METRIC   " + " ".join(f"{n}={_value(found.get(n))}" for n in names), "dim"))
    level = str(found.get("level", ""))
    fields = [f" {name}={_value(value)}" for name, value in found.items() if name not in _NOT_LISTED]
    line = Text.assemble(clock, " ", (f"{level:<8}", _LEVELS.get(level, "")), " ", _value(found.get("message", "")))
    line.append("".join(fields))
    if found.get("correlation_id"):
        line.append(f" {found['correlation_id']}", "dim")
    for row in str(found.get("exception") or "").splitlines():
        line.append(f"\n    {row}", "red")
    return line


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
