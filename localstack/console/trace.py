"""The trace of a request: invocations, waits in queues and mails as spans on a time axis, without I/O."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from localstack.console.logs import Invocation, Line
from localstack.mails import INTERNAL, Mail
from tooling.agreed_limits import LIMITS

FUNCTION, QUEUE, MAIL = "function", "queue", "mail"
_MAX_TICKS = 6
# A message moves to the DLQ after this many failed attempts.
_ATTEMPTS = 3
# The functions that send messages to each consumer, and the log line that says when.
_SENDERS = {
    "order_creator_record": (("create_order", "order accepted"),),
    "order_pdf_creator": (("order_creator_record", "order recorded"),),
    "order_internal_notification": (("order_creator_record", "order recorded"),),
    "customer_order_confirmation": (
        ("order_pdf_creator", "invoice created"),
        ("order_creator_record", "order rejected"),
        ("update_order", "order updated"),
    ),
}
# In the order in which an order reaches them.
CONSUMERS: Final = tuple(_SENDERS)
_FUNCTIONS = ["create_order", "update_order", *CONSUMERS]
_MAILER = {INTERNAL: "order_internal_notification"}
_FROM_REPORT = "REPORT line: the end is the time of the line, the start is the end less the duration"
_FROM_RETRY = "from the end of the attempt before to the start of this one"
_FROM_MAIL_ONLY = "from the message to the mail: the function logged nothing, so wait and invocation are one span"


class Span(NamedTuple):
    """A part of the trace; a mail has no duration."""

    name: str
    # FUNCTION, QUEUE or MAIL.
    kind: str
    start: datetime
    end: datetime
    # Where the times come from, and whether they are computed from records made for another purpose.
    source: str
    derived: bool = False
    failed: bool = False

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


class Axis(NamedTuple):
    """A time axis; positions are in percent of its length."""

    start: datetime
    seconds: float

    def place(self, at: datetime) -> float:
        """Position of a time; times beyond the axis are put at its ends."""
        return round(100 * min(1.0, max(0.0, (at - self.start).total_seconds() / self.seconds)), 3)

    def width(self, span: Span) -> float:
        return round(self.place(span.end) - self.place(span.start), 3)

    def ticks(self) -> list[tuple[float, float]]:
        """Position and seconds of at most six round times."""
        power = 10.0 ** math.floor(math.log10(self.seconds / _MAX_TICKS))
        step = next(s for s in (power, 2 * power, 5 * power, 10 * power) if self.seconds / s <= _MAX_TICKS)
        return [(round(100 * n * step / self.seconds, 3), n * step) for n in range(int(self.seconds / step) + 1)]

    def limits(self) -> list[tuple[float, str]]:
        """Position and steps of the agreed limits on the axis; equal limits are one."""
        names: dict[float, list[str]] = {}
        for step, limit in LIMITS.items():
            if limit <= self.seconds:
                names.setdefault(limit, []).append(step)
        return [(round(100 * limit / self.seconds, 3), ", ".join(steps)) for limit, steps in names.items()]


def axis(spans: Sequence[Span]) -> Axis | None:
    """The axis that holds all spans; None without spans."""
    if not spans:
        return None
    start = min(span.start for span in spans)
    return Axis(start, max(0.001, (max(span.end for span in spans) - start).total_seconds() * 1.02))


def spans(
    lines: Sequence[Line], invocations: Sequence[Invocation], mails: Sequence[Mail], accepted_at: datetime | None
) -> list[Span]:
    """The spans of one request, by function and time; `accepted_at` is the acceptance of its order in the table."""
    errors = {line.request_id for line in lines if line.level in ("ERROR", "CRITICAL")}
    # A report of SES on a mail is another message than the one that the mail was sent for, so it is no retry.
    reports = {line.request_id for line in lines if line.message == "mail failed"}
    found: list[Span] = []
    for function in _FUNCTIONS:
        mine = sorted((i for i in invocations if i.function == function), key=lambda i: i.started)
        ready, source = _sent(function, lines, accepted_at)
        for number, each in enumerate(mine):
            if ready and function in _SENDERS and each.request_id not in reports:
                retry = "backing off" if number % _ATTEMPTS else "in the DLQ"
                name = retry if source == _FROM_RETRY else f"to {function}"
                found.append(Span(name, QUEUE, ready, max(ready, each.started), source, derived=True))
            failed = each.request_id in errors
            found.append(Span(function, FUNCTION, each.started, each.ended, _FROM_REPORT, failed=failed))
            ready, source = each.ended, _FROM_RETRY
        for mail in mails:
            if _MAILER.get(mail.kind, "customer_order_confirmation") == function:
                if ready and not mine:
                    end = max(ready, mail.at)
                    found.append(Span(f"to and in {function}", QUEUE, ready, end, _FROM_MAIL_ONLY, derived=True))
                found.append(Span(mail.kind, MAIL, mail.at, mail.at, "time in the file name of the caught mail"))
    return found


def _sent(function: str, lines: Sequence[Line], accepted_at: datetime | None) -> tuple[datetime | None, str]:
    """When the message to a function was sent, and where that time comes from."""
    if function == "order_creator_record" and accepted_at:
        return accepted_at, "from dateCreated of the record, the time of its message, to the start of the invocation"
    for sender, message in _SENDERS.get(function, ()):
        times = [line.at for line in lines if line.function == sender and line.message == message]
        if times:
            return min(times), f"from the line “{message}” of {sender} to the start of the invocation"
    return None, ""
