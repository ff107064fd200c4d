"""The way of one request as spans on a time axis: calls of functions, waits in queues, mails. Asks nobody."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from localstack.console.logs import Call, Line
from localstack.console.mails import CONFIRMATION, INTERNAL, STATUS, Mail
from localstack.console.orders import MILESTONES
from tooling.agreed_limits import LIMITS

CALL, WAIT, MAIL = "function", "queue", "mail"
# Agreed limits by the names of the console's steps, in seconds from the request.
PROMISED = dict(zip(("accepted", "recorded", "invoiced", INTERNAL, CONFIRMATION), LIMITS.values(), strict=True))
_MOST_TICKS = 6
# A message that has failed so often is set aside in the DLQ (R4).
_TRIES = 3
# How each consumer is told: by which function, and the words of the line that is logged when the message is out.
_TOLD_BY = {
    "order_creator_record": ("create_order",),
    "order_pdf_creator": ("order_creator_record",),
    "order_internal_notification": ("order_creator_record",),
    "customer_order_confirmation": ("order_pdf_creator", "update_order"),
}
_ORDER = ["create_order", "update_order", *_TOLD_BY]
_MAILED_BY = {INTERNAL: "order_internal_notification", CONFIRMATION: "customer_order_confirmation"}


@dataclass(frozen=True)
class Span:
    """A piece of the way.

    Args:
        name: for people.
        kind: function, queue or mail.
        start: of it.
        end: of it; a mail is a moment.
        source: what it is known from.
        derived: whether it is put together from what was noted for something else.
        failed: whether it is a call that failed.
    """

    name: str
    kind: str
    start: datetime
    end: datetime
    source: str
    derived: bool = False
    failed: bool = False

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Milestone:
    """A promise of R8 and what became of it.

    Args:
        name: of the step.
        seconds: from the request; None if it has not come.
        limit: that R8 sets.
    """

    name: str
    seconds: float | None
    limit: float

    @property
    def kept(self) -> bool:
        """Whether it came in time."""
        return self.seconds is not None and self.seconds <= self.limit

    @property
    def share(self) -> float:
        """How much of the time was used, 0 to 1."""
        return min(1.0, (self.seconds or 0.0) / self.limit)


@dataclass(frozen=True)
class Tick:
    """A mark of the time axis: its place, 0 to 100, and seconds."""

    place: float
    seconds: float


@dataclass(frozen=True)
class Axis:
    """The time axis of some spans.

    Args:
        start: where it begins.
        seconds: how long it is.
    """

    start: datetime
    seconds: float

    def place(self, moment: datetime) -> float:
        """Where a moment is, 0 to 100."""
        return round(100 * min(1.0, max(0.0, (moment - self.start).total_seconds() / self.seconds)), 3)

    def width(self, span: Span) -> float:
        """How wide a span is, 0 to 100."""
        return round(self.place(span.end) - self.place(span.start), 3)

    def ticks(self) -> list[Tick]:
        """Round numbers of seconds, at most six."""
        step = next(s for s in _steps(self.seconds / _MOST_TICKS) if self.seconds / s <= _MOST_TICKS)
        return [Tick(round(100 * n * step / self.seconds, 3), n * step) for n in range(int(self.seconds / step) + 1)]

    def limits(self) -> list[tuple[str, Tick]]:
        """The promises of R8 that end on this axis, with their names; equal ones are one."""
        names: dict[float, list[str]] = {}
        for name, limit in PROMISED.items():
            if limit <= self.seconds:
                names.setdefault(limit, []).append(name)
        return [(", ".join(found), Tick(round(100 * at / self.seconds, 3), at)) for at, found in names.items()]


def _steps(least: float) -> list[float]:
    power = 10.0 ** math.floor(math.log10(least))
    return [power * factor for factor in (1, 2, 5, 10)]


def axis(spans: Sequence[Span]) -> Axis | None:
    """The axis on which all the spans are; none without spans."""
    if not spans:
        return None
    start = min(span.start for span in spans)
    return Axis(start, max(0.001, (max(span.end for span in spans) - start).total_seconds() * 1.02))


def spans(lines: Sequence[Line], calls: Sequence[Call], mails: Sequence[Mail], accepted: datetime | None) -> list[Span]:
    """The spans of one request, by function and then time.

    Args:
        lines: that were logged with its correlation id.
        calls: that logged them.
        mails: that it caused.
        accepted: when its order was accepted, as the table has it.
    """
    found: list[Span] = []
    for function in _ORDER:
        of_function = sorted((c for c in calls if c.function == function), key=lambda c: c.started)
        ready, source = _told(function, lines, accepted)
        for number, call in enumerate(of_function):
            failed = _failed(call, lines)
            if ready and function in _TOLD_BY:
                name = f"to {function}" if source != _AGAIN else "resting" if number % _TRIES else "in the DLQ"
                found.append(Span(name, WAIT, ready, max(ready, call.started), source, derived=True))
            found.append(Span(function, CALL, call.started, call.ended, _REPORT, failed=failed))
            ready, source = call.ended, _AGAIN
        for mail in mails:
            if _MAILED_BY.get(mail.kind, "customer_order_confirmation") == function:
                if ready and not of_function:
                    name, end = f"to and in {function}", max(ready, mail.moment)
                    found.append(Span(name, WAIT, ready, end, _LOST, derived=True))
                found.append(Span(f"{mail.kind} caught", MAIL, mail.moment, mail.moment, _CAUGHT))
    return found


_REPORT = "its REPORT line: the end is when the line was written, the start is that less the duration"
_AGAIN = "from the end of the try before to the start of this one"
_CAUGHT = "the time in the name of the mail’s file"
_LOST = "from the message to the mail: the function logged nothing, so its queue and its work are one"


def _told(function: str, lines: Sequence[Line], accepted: datetime | None) -> tuple[datetime | None, str]:
    """When the message to a function was sent, and how that is known."""
    if function == "order_creator_record" and accepted:
        return accepted, "from dateCreated of the record, the time of its message, to the start of the call"
    for teller in _TOLD_BY.get(function, ()):
        words = MILESTONES[teller][0]
        moments = [line.moment for line in lines if line.function == teller and line.message == words]
        if moments:
            return min(moments), f"from the line “{words}” of {teller} to the start of the call"
    return None, ""


def _failed(call: Call, lines: Sequence[Line]) -> bool:
    return any(line.level in ("ERROR", "CRITICAL") for line in lines if line.request_id == call.request_id)


def milestones(began: datetime, moments: Mapping[str, datetime]) -> list[Milestone]:
    """What became of the promises of R8.

    Args:
        began: when the order's request came.
        moments: when each step was done, by its name.
    """
    return [
        Milestone(name, max(0.0, (moments[name] - began) / timedelta(seconds=1)) if name in moments else None, limit)
        for name, limit in PROMISED.items()
    ]


def names_of(mails: Sequence[Mail]) -> dict[str, datetime]:
    """When the first mail of each kind came, but for status mails, of which there may be any number."""
    found: dict[str, datetime] = {}
    for mail in sorted(mails, key=lambda mail: mail.moment):
        if mail.kind != STATUS:
            found.setdefault(mail.kind, mail.moment)
    return found
