"""The trace of a request, computed from log lines, REPORT lines and mails."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localstack.console import trace
from localstack.console.logs import Invocation, Line, parse_line, parse_report
from localstack.console.trace import FUNCTION, MAIL, QUEUE, Axis
from localstack.mails import CUSTOMER, INTERNAL, STATUS, Mail

START = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """The time this many seconds after the start."""
    return START + timedelta(seconds=seconds)


def line(function: str, message: str, seconds: float, request_id: str = "", level: str = "INFO") -> Line:
    return Line(function, "stream", request_id or function, at(seconds), level, message, "c-1", {})


def invocation(function: str, start: float, end: float, request_id: str = "") -> Invocation:
    return Invocation(function, request_id or function, at(start), at(end))


def mail(kind: str, seconds: float) -> Mail:
    return Mail("1-00000000", at(seconds), kind, "a@example.com", "ORD-2026-00001", "ORD-2026-00001", "c-1")


TRACE_LINES = [
    line("create_order", "order accepted", 0.1),
    line("order_creator_record", "order recorded", 0.4),
    line("order_pdf_creator", "invoice created", 1.4),
    line("order_internal_notification", "mail sent", 0.6),
    line("customer_order_confirmation", "mail sent", 1.8),
]
TRACE_CALLS = [
    invocation("create_order", 0.0, 0.15),
    invocation("order_creator_record", 0.25, 0.45),
    invocation("order_pdf_creator", 0.5, 1.5),
    invocation("order_internal_notification", 0.55, 0.65),
    invocation("customer_order_confirmation", 1.6, 1.9),
]
TRACE_MAILS = [mail(INTERNAL, 0.6), mail(CUSTOMER, 1.8)]


def summarised(found: list[trace.Span]) -> list[tuple[str, str, float, float]]:
    """Kind, name, start and end of spans, in seconds."""
    return [
        (s.kind, s.name, round((s.start - START).total_seconds(), 3), round((s.end - START).total_seconds(), 3))
        for s in found
    ]


def test_whole_trace_has_all_spans() -> None:
    """A whole trace has invocations, waits and mails."""
    found = trace.spans(TRACE_LINES, TRACE_CALLS, TRACE_MAILS, at(0.1))
    assert summarised(found) == [
        (FUNCTION, "create_order", 0.0, 0.15),
        (QUEUE, "to order_creator_record", 0.1, 0.25),
        (FUNCTION, "order_creator_record", 0.25, 0.45),
        (QUEUE, "to order_pdf_creator", 0.4, 0.5),
        (FUNCTION, "order_pdf_creator", 0.5, 1.5),
        (QUEUE, "to order_internal_notification", 0.4, 0.55),
        (FUNCTION, "order_internal_notification", 0.55, 0.65),
        (MAIL, "internal mail", 0.6, 0.6),
        (QUEUE, "to customer_order_confirmation", 1.4, 1.6),
        (FUNCTION, "customer_order_confirmation", 1.6, 1.9),
        (MAIL, "customer mail", 1.8, 1.8),
    ]
    assert {s.kind for s in found if s.derived} == {QUEUE}
    assert not any(s.failed for s in found)


def test_failed_attempt_is_marked() -> None:
    """A failed attempt is marked, and the next one backs off from its end."""
    lines = [
        line("create_order", "order accepted", 0.1),
        line("order_creator_record", "message failed", 0.3, "first", "ERROR"),
        line("order_creator_record", "order recorded", 2.6, "second"),
    ]
    calls = [
        invocation("create_order", 0.0, 0.15),
        invocation("order_creator_record", 2.5, 2.7, "second"),
        invocation("order_creator_record", 0.2, 0.4, "first"),
    ]
    found = trace.spans(lines, calls, [], at(0.1))
    assert summarised(found)[1:] == [
        (QUEUE, "to order_creator_record", 0.1, 0.2),
        (FUNCTION, "order_creator_record", 0.2, 0.4),
        (QUEUE, "backing off", 0.4, 2.5),
        (FUNCTION, "order_creator_record", 2.5, 2.7),
    ]
    assert [s.failed for s in found] == [False, False, True, False, False]


def test_fourth_attempt_waited_in_dlq() -> None:
    """After three attempts a message waits in the DLQ."""
    calls = [invocation("order_creator_record", second, second + 0.5, f"r-{second}") for second in range(1, 5)]
    lines = [line("order_creator_record", "message refused", 1, f"r-{n}", "ERROR") for n in range(1, 4)]
    names = [s.name for s in trace.spans(lines, calls, [], at(0)) if s.kind == QUEUE]
    assert names == ["to order_creator_record", "backing off", "backing off", "in the DLQ"]


def test_report_on_mail_is_no_retry() -> None:
    """What SES reports on a mail is another message than the one that the mail was sent for."""
    calls = [invocation("customer_order_confirmation", second, second + 0.5, f"r-{second}") for second in (1, 2)]
    lines = [
        line("order_pdf_creator", "invoice created", 0.5),
        line("customer_order_confirmation", "mail failed", 2.1, "r-2", "WARNING"),
    ]
    names = [s.name for s in trace.spans(lines, calls, [], at(0)) if s.kind == QUEUE]
    assert names == ["to customer_order_confirmation"]


def test_wait_is_never_negative() -> None:
    """An invocation that seems to start before its message waited zero seconds."""
    lines = [line("create_order", "order accepted", 0.1)]
    found = trace.spans(lines, [invocation("order_creator_record", 0.05, 0.3)], [], at(0.1))
    assert summarised(found)[0] == (QUEUE, "to order_creator_record", 0.1, 0.1)


def test_mail_without_log_is_one_span() -> None:
    """Without a log line of the mailing function, wait and invocation are one derived span."""
    found = trace.spans(TRACE_LINES[:2], TRACE_CALLS[:2], [mail(INTERNAL, 0.9)], at(0.1))
    assert summarised(found)[-2:] == [
        (QUEUE, "to and in order_internal_notification", 0.4, 0.9),
        (MAIL, "internal mail", 0.9, 0.9),
    ]
    assert found[-2].derived


def test_status_change_has_own_trace() -> None:
    """The trace of a status change goes from the update to the customer's mail."""
    lines = [line("update_order", "order updated", 0.05), line("customer_order_confirmation", "mail sent", 0.3)]
    calls = [invocation("update_order", 0.0, 0.1), invocation("customer_order_confirmation", 0.2, 0.35)]
    assert summarised(trace.spans(lines, calls, [mail(STATUS, 0.3)], None)) == [
        (FUNCTION, "update_order", 0.0, 0.1),
        (QUEUE, "to customer_order_confirmation", 0.05, 0.2),
        (FUNCTION, "customer_order_confirmation", 0.2, 0.35),
        (MAIL, "status mail", 0.3, 0.3),
    ]


def test_no_records_give_no_axis() -> None:
    """Without records there are no spans and no axis."""
    assert trace.spans([], [], [], None) == []
    assert trace.axis([]) is None


def test_axis_places_in_percent() -> None:
    """Spans are placed in percent of the axis."""
    found = trace.spans(TRACE_LINES, TRACE_CALLS, TRACE_MAILS, at(0.1))
    axis = trace.axis(found)
    assert axis is not None
    assert axis.start == START
    assert axis.seconds == pytest.approx(1.9 * 1.02)
    first, last = found[0], found[-2]
    assert axis.place(first.start) == 0
    assert axis.width(first) == pytest.approx(100 * 0.15 / axis.seconds, abs=0.01)
    assert axis.place(last.end) < 100
    # What is not on the axis is put at its ends.
    assert (axis.place(at(-1)), axis.place(at(60))) == (0, 100)


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (0.09, [0, 0.02, 0.04, 0.06, 0.08]),
        (1.9, [0, 0.5, 1, 1.5]),
        (6, [0, 1, 2, 3, 4, 5, 6]),
        (700, [0, 200, 400, 600]),
    ],
)
def test_ticks_are_few_and_round(seconds: float, ticks: list[float]) -> None:
    """An axis has at most six ticks, at round seconds."""
    assert [each for _, each in Axis(START, seconds).ticks()] == pytest.approx(ticks)


def test_axis_marks_limits_it_reaches() -> None:
    """The axis marks the agreed limits that it reaches."""
    assert Axis(START, 0.2).limits() == []
    assert Axis(START, 3).limits() == [(10.0, "accepted"), (66.667, "recorded")]
    assert Axis(START, 20).limits()[-1] == (50.0, "internal mail, customer mail")


LOGGED = {
    "level": "INFO",
    "location": "record:37",
    "message": "order recorded",
    "timestamp": "2026-11-24 08:30:00,250+0000",
    "function_request_id": "r-1",
    "correlation_id": "c-1",
    "order_id": "o-1",
}


def test_log_line_keeps_own_fields() -> None:
    """A log line is parsed, and its own fields are kept."""
    found = parse_line("order_creator_record", "s", json.dumps(LOGGED))
    assert found == Line(
        "order_creator_record", "s", "r-1", at(0.25), "INFO", "order recorded", "c-1", {"order_id": "o-1"}
    )


@pytest.mark.parametrize(
    "text", ["START RequestId: r-1", "[]", "1", '{"_aws": {}}', json.dumps({**LOGGED, "timestamp": "today"})]
)
def test_other_lines_are_ignored(text: str) -> None:
    """Lines that are not the logger's are ignored."""
    assert parse_line("create_order", "s", text) is None


def test_report_gives_start() -> None:
    """A REPORT line gives start and end of an invocation."""
    text = "REPORT RequestId: r-1\tDuration: 150 ms\tBilled Duration: 150 ms\tMemory Size: 512 MB"
    assert parse_report("create_order", at(1), text) == Invocation("create_order", "r-1", at(0.85), at(1))
    assert parse_report("create_order", at(1), "END RequestId: r-1") is None


def test_line_without_correlation_id() -> None:
    """A line without a correlation id has an empty one."""
    content: dict[str, Any] = {**LOGGED, "correlation_id": None}
    found = parse_line("create_order", "s", json.dumps(content))
    assert found is not None
    assert found.correlation_id == ""
