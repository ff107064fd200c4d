"""How `make logs` shows events on a terminal and in a pipe."""

import io
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from localstack import logs
from localstack.stack import Stack, StackError

TIMESTAMP = 1_795_556_406_445
LINE = {
    "level": "WARNING",
    "location": "_queue:78",
    "message": "packaged template used",
    "timestamp": "2026-11-24 21:40:06,424+0000",
    "service": "order-lambda",
    "function_arn": "arn:aws:lambda:af-south-1:000000000000:function:f",
    "correlation_id": "demo-1",
    "order_id": "o-1",
    "tries": 2,
}
REPORT = "REPORT RequestId: 1\tDuration: 56 ms"


def styles(text: Any) -> dict[str, str]:
    """Styles of the parts of a text, by content."""
    return {text.plain[span.start : span.end].strip(): str(span.style) for span in text.spans}


def test_readable_line_colours_level() -> None:
    """A line has its level in colour and its correlation id dimmed; constant fields are left out."""
    shown = logs.readable(json.dumps(LINE), TIMESTAMP)
    assert shown.plain[8:].startswith(".445 WARNING  packaged template used location=_queue:78 order_id=o-1 tries=2")
    assert shown.plain.endswith(" demo-1")
    assert "arn:aws" not in shown.plain
    assert styles(shown)["WARNING"] == "yellow"
    assert styles(shown)["demo-1"] == "dim"


@pytest.mark.parametrize(("level", "colour"), [("INFO", "green"), ("ERROR", "red"), ("CRITICAL", "bold red")])
def test_readable_level_has_its_colour(level: str, colour: str) -> None:
    """Each level has its colour."""
    assert styles(logs.readable(json.dumps({**LINE, "level": level}), TIMESTAMP))[level] == colour


def test_readable_exception_has_lines() -> None:
    """An exception is shown line by line."""
    exception = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: [x]'
    shown = logs.readable(json.dumps({**LINE, "level": "ERROR", "exception": exception}), TIMESTAMP)
    assert shown.plain.splitlines()[1:] == [f"    {row}" for row in exception.splitlines()]
    assert "\\n" not in shown.plain


def test_readable_lambda_line_is_dimmed() -> None:
    """Lambda's own lines are dimmed, unexpected text is highlighted."""
    assert styles(logs.readable(REPORT, TIMESTAMP))["REPORT RequestId: 1  Duration: 56 ms"] == "dim"
    assert styles(logs.readable("Segmentation fault", TIMESTAMP))["Segmentation fault"] == "yellow"
    assert styles(logs.readable("[1]", TIMESTAMP))["[1]"] == "yellow"


def test_readable_metric_is_short() -> None:
    """A metric takes one dimmed line."""
    metric = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "OrdersAccepted"}]}]}, "OrdersAccepted": [1.0]}
    assert styles(logs.readable(json.dumps(metric), TIMESTAMP))["METRIC   OrdersAccepted=[1.0]"] == "dim"


def test_as_json_event_is_one_line() -> None:
    """Each event becomes one line of JSON, whatever was logged."""
    assert logs.as_json(json.dumps(LINE), TIMESTAMP) == json.dumps(LINE)
    for message in (REPORT, "two\nlines", json.dumps(LINE, indent=2), "[1]"):
        line = logs.as_json(message, TIMESTAMP)
        assert "\n" not in line
        assert json.loads(line) == {"timestamp": "2026-11-24T21:40:06.445000+00:00", "message": message}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose one function has logged a line."""
    event = {"logStreamName": "s", "timestamp": TIMESTAMP, "message": json.dumps(LINE)}
    monkeypatch.setattr(logs, "_events", lambda *_: iter([event]))
    monkeypatch.setattr(logs, "Aws", lambda *_: type("Clients", (), {"logs": None}))
    return Stack(Path(), ports={"engine": 1}, outputs={"function_names": {"get_order": "f"}})


class Terminal(io.StringIO):
    """Output to a terminal."""

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return True


@pytest.mark.parametrize(
    ("terminal", "name"), [(True, None), (True, "NO_COLOR"), (False, None), (False, "FORCE_COLOR")]
)
def test_show_logs_colours_only_terminals(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, terminal: bool, name: str | None
) -> None:
    """Only a terminal without NO_COLOR gets colours; anything else gets JSON, with FORCE_COLOR too."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for each in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(each, raising=False)
    if name:
        monkeypatch.setenv(name, "1")
    output = Terminal() if terminal else io.StringIO()
    logs.show_logs(stack, "get_order", False, Console(file=output, highlight=False))
    printed = output.getvalue()
    assert ("\x1b[33m" in printed) is (terminal and not name)
    assert (printed == json.dumps(LINE) + "\n") is not terminal


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("creat_order", "there is no function 'creat_order'; did you mean create_order?"),
        ("zebra", "there is no function 'zebra'"),
        ("", "no function is named"),
    ],
)
def test_checked_unknown_function_lists_all(name: str, message: str) -> None:
    """An unknown function is refused with the closest match and all eight names."""
    with pytest.raises(StackError) as refused:
        logs.checked(name)
    first, _, rest = str(refused.value).partition("\n")
    assert first == message
    assert rest.startswith("Run `make logs FUNCTION=…` with one of create_order, ")
    assert rest.count(",") == 7


class GrowingLog:
    """A log to which each query finds two events added, as long as there are more."""

    def __init__(self, *timestamps: int) -> None:
        self._events = [
            {"logStreamName": "s", "timestamp": timestamp, "message": str(number)}
            for number, timestamp in enumerate(timestamps)
        ]
        self.starts: list[int] = []

    def get_paginator(self, _: str) -> "GrowingLog":
        """The only operation."""
        return self

    def paginate(self, logGroupName: str, startTime: int) -> list[dict[str, Any]]:  # noqa: N803
        """The events from a time on."""
        self.starts.append(startTime)
        assert len(self.starts) < 100, "an event is not shown"
        there = self._events[: 2 * len(self.starts)]
        return [{"events": [event for event in there if int(str(event["timestamp"])) >= startTime]}]

    def messages(self, follow: bool) -> Iterator[str]:
        """What is shown of the events."""
        return (event["message"] for event in logs._events(self, "g", follow))  # type: ignore[arg-type]


def test_events_following_yields_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Following a log shows each event once and queries only new ones."""
    monkeypatch.setattr(logs, "_POLL_SECONDS", 0)
    log = GrowingLog(0, 10, 20, 30)
    assert [*islice(log.messages(follow=True), 4)] == ["0", "1", "2", "3"]
    assert log.starts == [0, 10]
    assert [*GrowingLog(0, 10, 20, 30).messages(follow=False)] == ["0", "1"]


def test_events_following_shows_what_is_logged_after_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set back, as when a laptop wakes, hides no events, and none is shown twice."""
    monkeypatch.setattr(logs, "_POLL_SECONDS", 0)
    now = int(time.time() * 1_000)
    hour, log = 3_600_000, GrowingLog(now - 10, now + 7_200_000, now - 5, now - 4, now - 3, now - 2)
    assert [*islice(log.messages(follow=True), 6)] == ["0", "1", "2", "3", "4", "5"]
    assert log.starts[1] > now - hour, "what is older is not queried again"
