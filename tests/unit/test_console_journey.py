"""The way of an order, put together from log lines, REPORT lines and mails."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localstack.console import trace
from localstack.console.logs import Call, Line, parse_line, parse_report
from localstack.console.mails import CONFIRMATION, INTERNAL, STATUS, Mail
from localstack.console.trace import CALL, MAIL, WAIT, Axis

BEGAN = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment so many seconds after the beginning."""
    return BEGAN + timedelta(seconds=seconds)


def line(function: str, message: str, seconds: float, request_id: str = "", level: str = "INFO") -> Line:
    return Line(function, "stream", request_id or function, at(seconds), level, message, "c-1", {})


def call(function: str, start: float, end: float, request_id: str = "") -> Call:
    return Call(function, request_id or function, at(start), at(end))


def mail(kind: str, seconds: float) -> Mail:
    return Mail("1-00000000", at(seconds), kind, "a@example.com", "ORD-2026-00001", "ORD-2026-00001", "c-1")


WAY_LINES = [
    line("create_order", "order accepted", 0.1),
    line("order_creator_record", "order recorded", 0.4),
    line("order_pdf_creator", "invoice created", 1.4),
    line("order_internal_notification", "mail sent", 0.6),
    line("customer_order_confirmation", "mail sent", 1.8),
]
WAY_CALLS = [
    call("create_order", 0.0, 0.15),
    call("order_creator_record", 0.25, 0.45),
    call("order_pdf_creator", 0.5, 1.5),
    call("order_internal_notification", 0.55, 0.65),
    call("customer_order_confirmation", 1.6, 1.9),
]
WAY_MAILS = [mail(INTERNAL, 0.6), mail(CONFIRMATION, 1.8)]


def told(found: list[trace.Span]) -> list[tuple[str, str, float, float]]:
    """Kind, name, start and end of spans, in seconds."""
    return [
        (s.kind, s.name, round((s.start - BEGAN).total_seconds(), 3), round((s.end - BEGAN).total_seconds(), 3))
        for s in found
    ]


def test_a_whole_way_is_calls_waits_and_mails() -> None:
    found = trace.spans(WAY_LINES, WAY_CALLS, WAY_MAILS, at(0.1))
    assert told(found) == [
        (CALL, "create_order", 0.0, 0.15),
        (WAIT, "to order_creator_record", 0.1, 0.25),
        (CALL, "order_creator_record", 0.25, 0.45),
        (WAIT, "to order_pdf_creator", 0.4, 0.5),
        (CALL, "order_pdf_creator", 0.5, 1.5),
        (WAIT, "to order_internal_notification", 0.4, 0.55),
        (CALL, "order_internal_notification", 0.55, 0.65),
        (MAIL, "internal mail caught", 0.6, 0.6),
        (WAIT, "to customer_order_confirmation", 1.4, 1.6),
        (CALL, "customer_order_confirmation", 1.6, 1.9),
        (MAIL, "confirmation caught", 1.8, 1.8),
    ]
    assert {s.kind for s in found if s.derived} == {WAIT}
    assert not any(s.failed for s in found)


def test_a_try_that_fails_is_marked_and_the_next_one_rests_from_its_end() -> None:
    lines = [
        line("create_order", "order accepted", 0.1),
        line("order_creator_record", "message failed", 0.3, "first", "ERROR"),
        line("order_creator_record", "order recorded", 2.6, "second"),
    ]
    calls = [
        call("create_order", 0.0, 0.15),
        call("order_creator_record", 2.5, 2.7, "second"),
        call("order_creator_record", 0.2, 0.4, "first"),
    ]
    found = trace.spans(lines, calls, [], at(0.1))
    assert told(found)[1:] == [
        (WAIT, "to order_creator_record", 0.1, 0.2),
        (CALL, "order_creator_record", 0.2, 0.4),
        (WAIT, "resting", 0.4, 2.5),
        (CALL, "order_creator_record", 2.5, 2.7),
    ]
    assert [s.failed for s in found] == [False, False, True, False, False]


def test_after_three_tries_a_message_waits_in_the_dlq() -> None:
    calls = [call("order_creator_record", second, second + 0.5, f"r-{second}") for second in range(1, 5)]
    lines = [line("order_creator_record", "message refused", 1, f"r-{n}", "ERROR") for n in range(1, 4)]
    names = [s.name for s in trace.spans(lines, calls, [], at(0)) if s.kind == WAIT]
    assert names == ["to order_creator_record", "resting", "resting", "in the DLQ"]


def test_a_call_seen_to_begin_before_its_message_waited_for_nothing() -> None:
    lines = [line("create_order", "order accepted", 0.1)]
    found = trace.spans(lines, [call("order_creator_record", 0.05, 0.3)], [], at(0.1))
    assert told(found)[0] == (WAIT, "to order_creator_record", 0.1, 0.1)


def test_without_a_line_of_the_mailing_function_its_queue_and_work_are_one_derived_span() -> None:
    found = trace.spans(WAY_LINES[:2], WAY_CALLS[:2], [mail(INTERNAL, 0.9)], at(0.1))
    assert told(found)[-2:] == [
        (WAIT, "to and in order_internal_notification", 0.4, 0.9),
        (MAIL, "internal mail caught", 0.9, 0.9),
    ]
    assert found[-2].derived


def test_a_change_of_status_goes_from_the_update_to_the_customers_mail() -> None:
    lines = [line("update_order", "order updated", 0.05), line("customer_order_confirmation", "mail sent", 0.3)]
    calls = [call("update_order", 0.0, 0.1), call("customer_order_confirmation", 0.2, 0.35)]
    assert told(trace.spans(lines, calls, [mail(STATUS, 0.3)], None)) == [
        (CALL, "update_order", 0.0, 0.1),
        (WAIT, "to customer_order_confirmation", 0.05, 0.2),
        (CALL, "customer_order_confirmation", 0.2, 0.35),
        (MAIL, "status update caught", 0.3, 0.3),
    ]


def test_nothing_known_is_no_way_and_no_axis() -> None:
    assert trace.spans([], [], [], None) == []
    assert trace.axis([]) is None


def test_spans_are_placed_on_the_axis_in_hundredths() -> None:
    found = trace.spans(WAY_LINES, WAY_CALLS, WAY_MAILS, at(0.1))
    axis = trace.axis(found)
    assert axis is not None
    assert axis.start == BEGAN
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
    assert [tick.seconds for tick in Axis(BEGAN, seconds).ticks()] == pytest.approx(ticks)


def test_limits_of_r8_are_marked_where_the_axis_reaches_them() -> None:
    def marked(seconds: float) -> list[tuple[str, float]]:
        return [(names, tick.seconds) for names, tick in Axis(BEGAN, seconds).limits()]

    assert marked(0.2) == []
    assert marked(3) == [("accepted", 0.3), ("recorded", 2.0)]
    assert marked(20)[-1] == ("internal mail, confirmation", 10.0)


def test_promises_are_kept_late_or_open() -> None:
    stones = {s.name: s for s in trace.milestones(BEGAN, {"accepted": at(0.15), "recorded": at(2.5)})}
    assert (stones["accepted"].kept, stones["accepted"].share) == (True, 0.5)
    assert (stones["recorded"].kept, stones["recorded"].share) == (False, 1.0)
    assert (stones["invoiced"].kept, stones["invoiced"].seconds) == (False, None)


def test_of_each_kind_of_mail_the_first_counts_and_status_mails_do_not() -> None:
    mails = [mail(INTERNAL, 3), mail(INTERNAL, 1), mail(STATUS, 0.5)]
    assert trace.names_of(mails) == {INTERNAL: at(1)}


LOGGED = {
    "level": "INFO",
    "location": "record:37",
    "message": "order recorded",
    "timestamp": "2026-11-24 08:30:00,250+0000",
    "function_request_id": "r-1",
    "correlation_id": "c-1",
    "order_id": "o-1",
}


def test_a_line_of_the_logger_is_read_and_its_own_fields_kept() -> None:
    found = parse_line("order_creator_record", "s", json.dumps(LOGGED))
    assert found == Line(
        "order_creator_record", "s", "r-1", at(0.25), "INFO", "order recorded", "c-1", {"order_id": "o-1"}
    )


@pytest.mark.parametrize(
    "text", ["START RequestId: r-1", "[]", "1", '{"_aws": {}}', json.dumps({**LOGGED, "timestamp": "today"})]
)
def test_any_other_line_is_passed_over(text: str) -> None:
    assert parse_line("create_order", "s", text) is None


def test_a_report_tells_when_a_call_began() -> None:
    text = "REPORT RequestId: r-1\tDuration: 150 ms\tBilled Duration: 150 ms\tMemory Size: 512 MB"
    assert parse_report("create_order", at(1), text) == Call("create_order", "r-1", at(0.85), at(1))
    assert parse_report("create_order", at(1), "END RequestId: r-1") is None


def test_lines_without_a_correlation_id_have_none() -> None:
    content: dict[str, Any] = {**LOGGED, "correlation_id": None}
    found = parse_line("create_order", "s", json.dumps(content))
    assert found is not None
    assert found.correlation_id == ""
