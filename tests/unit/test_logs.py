"""How `make logs` shows an event: to people and to programs."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from localstack import logs
from localstack.stack import Stack, StackError

MOMENT = 1_795_556_406_445
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
    """The styled parts of a text, by what they say."""
    return {text.plain[span.start : span.end].strip(): str(span.style) for span in text.spans}


def test_a_line_has_its_level_in_colour_and_its_correlation_id_dimmed() -> None:
    shown = logs.readable(json.dumps(LINE), MOMENT)
    assert shown.plain[8:].startswith(".445 WARNING  packaged template used location=_queue:78 order_id=o-1 tries=2")
    assert shown.plain.endswith(" demo-1")
    assert "arn:aws" not in shown.plain
    assert styles(shown)["WARNING"] == "yellow"
    assert styles(shown)["demo-1"] == "dim"


@pytest.mark.parametrize(("level", "colour"), [("INFO", "green"), ("ERROR", "red"), ("CRITICAL", "bold red")])
def test_each_level_has_a_colour(level: str, colour: str) -> None:
    assert styles(logs.readable(json.dumps({**LINE, "level": level}), MOMENT))[level] == colour


def test_an_exception_is_read_line_by_line() -> None:
    exception = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: [x]'
    shown = logs.readable(json.dumps({**LINE, "level": "ERROR", "exception": exception}), MOMENT)
    assert shown.plain.splitlines()[1:] == [f"    {row}" for row in exception.splitlines()]
    assert "\\n" not in shown.plain


def test_what_lambda_writes_is_muted_and_what_nobody_expected_is_not() -> None:
    assert styles(logs.readable(REPORT, MOMENT))["REPORT RequestId: 1  Duration: 56 ms"] == "dim"
    assert styles(logs.readable("Segmentation fault", MOMENT))["Segmentation fault"] == "yellow"
    assert styles(logs.readable("[1]", MOMENT))["[1]"] == "yellow"


def test_a_metric_is_short_and_muted() -> None:
    metric = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "OrdersAccepted"}]}]}, "OrdersAccepted": [1.0]}
    assert styles(logs.readable(json.dumps(metric), MOMENT))["METRIC   OrdersAccepted=[1.0]"] == "dim"


def test_a_program_gets_a_line_of_json_for_each_event() -> None:
    assert logs.as_json(json.dumps(LINE), MOMENT) == json.dumps(LINE)
    for message in (REPORT, "two\nlines", json.dumps(LINE, indent=2), "[1]"):
        line = logs.as_json(message, MOMENT)
        assert "\n" not in line
        assert json.loads(line) == {"timestamp": "2026-11-24T21:40:06.445000+00:00", "message": message}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose one function has logged a line."""
    event = {"logStreamName": "s", "timestamp": MOMENT, "message": json.dumps(LINE)}
    monkeypatch.setattr(logs, "_events", lambda *_: iter([event]))
    monkeypatch.setattr(logs, "Aws", lambda *_: type("Clients", (), {"logs": None}))
    return Stack(None, ports={"engine": 1}, outputs={"function_names": {"get_order": "f"}})  # type: ignore[arg-type]


@pytest.mark.parametrize(("terminal", "no_color"), [(True, False), (True, True), (False, False)])
def test_colours_are_for_terminals_that_want_them(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, terminal: bool, no_color: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    output = io.StringIO()
    logs.show_logs(stack, "get_order", False, Console(file=output, force_terminal=terminal, highlight=False))
    said = output.getvalue()
    assert ("\x1b[33m" in said) is (terminal and not no_color)
    assert (said == json.dumps(LINE) + "\n") is not terminal


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("creat_order", "there is no function 'creat_order'; did you mean create_order?"),
        ("zebra", "there is no function 'zebra'"),
        ("", "no function is named"),
    ],
)
def test_a_function_that_is_none_is_answered_with_the_eight(name: str, told: str) -> None:
    with pytest.raises(StackError) as refused:
        logs.checked(name)
    first, _, rest = str(refused.value).partition("\n")
    assert first == told
    assert rest.startswith("Run `make logs FUNCTION=…` with one of create_order, ")
    assert rest.count(",") == 7


def test_each_event_is_shown_once_and_only_new_ones_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [{"logStreamName": "s", "timestamp": 10 * number, "message": str(number)} for number in range(4)]
    asked: list[int] = []

    class Client:
        def get_paginator(self, _: str) -> "Client":
            return self

        def paginate(self, logGroupName: str, startTime: int) -> list[dict[str, Any]]:  # noqa: N803
            asked.append(startTime)
            there = events[: 2 * len(asked)]
            return [{"events": [event for event in there if int(str(event["timestamp"])) >= startTime]}]

    monkeypatch.setattr(logs, "_POLL_SECONDS", 0)
    following = logs._events(Client(), "g", follow=True)  # type: ignore[arg-type]
    assert [next(following)["message"] for _ in range(4)] == ["0", "1", "2", "3"]
    assert asked == [0, 10]
    asked.clear()
    assert [event["message"] for event in logs._events(Client(), "g", follow=False)] == ["0", "1"]  # type: ignore[arg-type]
