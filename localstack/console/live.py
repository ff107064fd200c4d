"""The running stack: found again when it is restarted, refused with a remedy when it is down."""

import re
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from common.order import Order
from common.repository import OrderRepository
from localstack import engines, seed
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.console import queues, trace
from localstack.console.logs import FunctionLogs, Line
from localstack.console.orders import OrderReader, TrackedOrder
from localstack.console.queues import QueuePair
from localstack.console.trace import Axis, Span
from localstack.mails import STATUS, Mail, MailFolder
from localstack.stack import Stack, StackError
from ops.alarms import Alarm, alarms
from ops.queues import Redriven, redrive

_REFRESH_SECONDS = 1.0
# A slow stack is read for at most a fifth of the time.
_PAUSE_FACTOR = 4
_HEALTHY_SECONDS = 2.0
# What the API accepts as a correlation id; a message put on a queue by hand may have anything.
_SEARCHABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestTrace(NamedTuple):
    """The trace of one request about an order; `title` says what the request did."""

    title: str
    correlation_id: str
    spans: list[Span]
    axis: Axis | None
    lines: list[Line]


class OrderTrace(NamedTuple):
    """All that is known of an order, with its mails, oldest first."""

    tracked: TrackedOrder
    # Seconds from the request to each step that it has reached.
    steps: dict[str, float]
    requests: list[RequestTrace]
    mails: list[Mail]


class LiveStack:
    """One stack, from `make up` to `make down`."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.mails = MailFolder(stack.mail_dir)
        self._aws = Aws(stack.endpoint)
        self._logs = FunctionLogs(self._aws.logs, stack.outputs["function_names"])
        tenants = {user["tenantId"] for user in seed.users()}
        repository = OrderRepository(self._aws.dynamodb, stack.outputs["orders_table"])
        self._reader = OrderReader(self._logs, repository, tenants)
        self._lock = threading.Lock()
        self._next_refresh = 0.0

    def refresh(self) -> None:
        """Read what has happened, at most once a second however many pages are open."""
        with self._lock:
            started = time.monotonic()
            if started >= self._next_refresh:
                self._reader.refresh(self.mails.refresh())
                took = time.monotonic() - started
                self._next_refresh = started + max(_REFRESH_SECONDS, took * _PAUSE_FACTOR)

    def id_token(self, email: str) -> str:
        """The ID token of a user of the fixtures."""
        return seed.token(self.stack, email)

    def newest(self) -> list[TrackedOrder]:
        self.refresh()
        with self._lock:
            return self._reader.book.newest()

    def find(self, text: str) -> TrackedOrder | None:
        """The order with this id, number or correlation id."""
        self.refresh()
        with self._lock:
            return self._reader.book.find(text) or self._reader.look_up(text.strip().lower())

    def trace(self, order_id: str) -> OrderTrace | None:
        """All that is known of an order; None if there is none of this id."""
        self.refresh()
        with self._lock:
            tracked = self._reader.look_up(order_id)
        if tracked is None:
            return None
        since = tracked.accepted_at - timedelta(minutes=1)
        mails = [mail for mail in self.mails.of_order(tracked.mail_key) if mail.at >= since]
        of_order = [mail for mail in mails if mail.kind != STATUS]
        requests = [self._request("Trace", tracked.correlation_id, since, of_order, tracked.order)]
        for line in self._logs.lines("update_order", f"order updated {order_id}", since):
            of_change = [m for m in mails if m.kind == STATUS and m.correlation_id == line.correlation_id]
            title = f"Change to {line.fields.get('status', 'another status')}"
            requests.append(self._request(title, line.correlation_id, since, of_change, None))
        reached = tracked.reached | tracked.mailed
        accepted = [span.end for span in requests[0].spans if span.name == "create_order"]
        reached |= {"accepted": accepted[-1]} if accepted else {}
        started = requests[0].axis.start if requests[0].axis else tracked.accepted_at
        steps = {step: max(0.0, (at - started).total_seconds()) for step, at in reached.items()}
        return OrderTrace(tracked, steps, requests, mails)

    def _request(
        self, title: str, correlation_id: str, since: datetime, mails: list[Mail], order: Order | None
    ) -> RequestTrace:
        lines: list[Line] = []
        if _SEARCHABLE.fullmatch(correlation_id):
            for function in self._logs.names:
                found = self._logs.lines(function, correlation_id, since)
                lines += [line for line in found if line.correlation_id == correlation_id]
        lines.sort(key=lambda line: line.at)
        spans = trace.spans(lines, self._logs.invocations(lines), mails, order.date_created if order else None)
        return RequestTrace(title, correlation_id, spans, trace.axis(spans), lines)

    def invoice(self, order: Order) -> bytes:
        """The PDF of an order that has an invoice."""
        bucket, key = self.stack.outputs["orders_bucket"], order.invoice_key or ""
        return self._aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def queues(self) -> list[QueuePair]:
        return queues.list_queues(self.stack)

    def redrive(self, function: str) -> tuple[str, Redriven]:
        """Redrive the DLQ of a function; return its queue and the numbers, or raise StackError if it has none."""
        name = self.stack.outputs["queue_names"].get(function)
        if name is None:
            raise StackError(f"no queue belongs to {function}")
        return name, redrive(self._aws.sqs, name)

    def alarms(self) -> list[Alarm]:
        return alarms(self._aws.cloudwatch, self.stack.outputs["alarm_names"])


class StackFinder:
    """Finds the stack in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._live: LiveStack | None = None
        self._healthy_until = 0.0

    def current(self) -> LiveStack:
        """The stack that runs now; StackError with what to do if none does."""
        with self._lock:
            stack = stacks.load(self._directory)
            if not stack.outputs:
                raise StackError("No finished stack was found here. Run `make up`, or wait if it is running.")
            if self._live is None or _identity(self._live.stack) != _identity(stack):
                self._live, self._healthy_until = LiveStack(stack), 0.0
            if time.monotonic() > self._healthy_until:
                if not engines.choose(stack.engine).healthy(stack):
                    self._healthy_until = 0.0
                    raise StackError(f"The engine at {stack.endpoint} does not respond. `make up` repairs it.")
                self._healthy_until = time.monotonic() + _HEALTHY_SECONDS
            return self._live


def _identity(stack: Stack) -> tuple[object, ...]:
    """What differs between two stacks, and between two runs of an engine."""
    return stack.endpoint, stack.outputs, stack.running.get("engine")
