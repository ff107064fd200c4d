"""The stack as it is now: found again when it is made anew, refused with a sentence when it is down."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from common.order import Order
from common.repository import OrderRepository
from localstack import engines
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.console import trace
from localstack.console.alarms import Alarm, alarms
from localstack.console.logs import FunctionLogs, Line
from localstack.console.mails import STATUS, Mail, MailFolder
from localstack.console.orders import OrderReader, Tracked
from localstack.console.queues import Pair, QueueViewer
from localstack.console.trace import Axis, Milestone, Span
from localstack.stack import Stack, StackError
from ops.queues import Redriven, redrive
from tooling.paths import ROOT

_REFRESH_SECONDS = 1.0
# Of a stack that is slow to answer, no more than a fifth of its time.
_REST = 4
_HEALTHY_SECONDS = 2.0
# What the API lets through; a message put on a queue by hand may have anything.
_SEARCHABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True)
class Way:
    """The way of one request about an order.

    Args:
        title: what the request did.
        correlation_id: of it.
        spans: of the way.
        axis: that they are on; None without spans.
        lines: that were logged.
    """

    title: str
    correlation_id: str
    spans: list[Span]
    axis: Axis | None
    lines: list[Line]


@dataclass(frozen=True)
class Story:
    """All of one order.

    Args:
        tracked: the order, and how far it is.
        milestones: the promises of R8.
        ways: that of the order itself, and that of each change.
        mails: oldest first.
    """

    tracked: Tracked
    milestones: list[Milestone]
    ways: list[Way]
    mails: list[Mail]


class LiveStack:
    """One stack, from `make up` to `make down`.

    Args:
        stack: as its file has it.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.mails = MailFolder(stack.mail_dir)
        self._aws = Aws(stack.endpoint)
        self._logs = FunctionLogs(self._aws.logs, stack.outputs["function_names"])
        self._queues = QueueViewer(stack.endpoint, stack.engine, stack.outputs)
        tenants = {user["tenantId"] for user in _fixture("users.json")}
        self._reader = OrderReader(
            self._logs, OrderRepository(self._aws.dynamodb, stack.outputs["orders_table"]), tenants
        )
        self._lock = threading.Lock()
        self._next = 0.0

    def refresh(self) -> None:
        """Take in what has happened, once a second at most, however many look."""
        with self._lock:
            began = time.monotonic()
            if began >= self._next:
                self._reader.refresh(self.mails.refresh())
                took = time.monotonic() - began
                self._next = began + max(_REFRESH_SECONDS, took * _REST)

    def newest(self) -> list[Tracked]:
        """The newest orders, the newest first."""
        self.refresh()
        with self._lock:
            return self._reader.book.newest()

    def find(self, text: str) -> Tracked | None:
        """The order with this id, number or correlation id."""
        self.refresh()
        with self._lock:
            return self._reader.book.find(text) or self._reader.look_up(text.strip().lower())

    def story(self, order_id: str) -> Story | None:
        """All of an order; None if there is none of this id."""
        self.refresh()
        with self._lock:
            tracked = self._reader.look_up(order_id)
        if tracked is None:
            return None
        number = tracked.order.order_number if tracked.order else None
        since = tracked.began - timedelta(minutes=1)
        mails = [mail for mail in (self.mails.of_order(number) if number else []) if mail.moment >= since]
        of_order = [mail for mail in mails if mail.kind != STATUS]
        ways = [self._way("Order", tracked.correlation_id, since, of_order, tracked.order)]
        for line in self._logs.lines("update_order", f"order updated {order_id}", since):
            of_change = [m for m in mails if m.kind == STATUS and m.correlation_id == line.correlation_id]
            title = f"Change to {line.fields.get('status', 'another status')}"
            ways.append(self._way(title, line.correlation_id, since, of_change, None))
        began = ways[0].axis.start if ways[0].axis else tracked.began
        moments = {**tracked.moments, **trace.names_of(mails)}
        for span in ways[0].spans:
            if span.name == "create_order":
                moments["accepted"] = span.end
        return Story(tracked, trace.milestones(began, moments), ways, mails)

    def _way(self, title: str, correlation_id: str, since: datetime, mails: list[Mail], order: Order | None) -> Way:
        lines: list[Line] = []
        if _SEARCHABLE.fullmatch(correlation_id):
            for function in self._logs.functions:
                found = self._logs.lines(function, correlation_id, since)
                lines += [line for line in found if line.correlation_id == correlation_id]
        lines.sort(key=lambda line: line.moment)
        spans = trace.spans(lines, self._logs.calls(lines), mails, order.date_created if order else None)
        return Way(title, correlation_id, spans, trace.axis(spans), lines)

    def invoice(self, order: Order) -> bytes:
        """The PDF of an order that has one."""
        bucket, key = self.stack.outputs["orders_bucket"], order.invoice_key or ""
        return self._aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def queues(self) -> list[Pair]:
        """Every queue with its DLQ."""
        return self._queues.pairs()

    def redrive(self, function: str) -> tuple[str, Redriven]:
        """Put the messages of a function's DLQ back on its queue; the queue's name and what was done.

        Raises:
            StackError: there is no such function with a queue.
        """
        name = self._queues.names.get(function)
        if name is None:
            raise StackError(f"no queue belongs to {function}")
        return name, redrive(self._aws.sqs, name)

    def alarms(self) -> list[Alarm]:
        """The alarms of the stack."""
        return alarms(self._aws.cloudwatch, self.stack.outputs["alarm_names"])


def _fixture(name: str) -> Any:
    return json.loads((ROOT / "fixtures" / name).read_text())


class Finder:
    """Finds the stack in a folder.

    Args:
        directory: of the stack.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._live: LiveStack | None = None
        self._healthy_until = 0.0

    def now(self) -> LiveStack:
        """The stack, if it is up.

        Raises:
            StackError: it is not; the text says what to do.
        """
        with self._lock:
            stack = stacks.load(self._directory)
            if not stack.outputs:
                raise StackError("There is no finished stack here. Run `make up`, or wait if it runs.")
            if self._live is None or not _same(self._live.stack, stack):
                self._live, self._healthy_until = LiveStack(stack), 0.0
            if time.monotonic() > self._healthy_until:
                if not engines.choose(stack.engine).healthy(stack):
                    self._healthy_until = 0.0
                    raise StackError(f"The engine at {stack.endpoint} does not answer. Run `make up`: it repairs it.")
                self._healthy_until = time.monotonic() + _HEALTHY_SECONDS
            return self._live


def _same(one: Stack, other: Stack) -> bool:
    """Whether two are the same stack, with the same engine's state in it."""
    return (one.endpoint, one.outputs, one.running.get("engine")) == (
        other.endpoint,
        other.outputs,
        other.running.get("engine"),
    )


def asked[T](ask: Callable[[], T]) -> T:
    """What a stack answers.

    Raises:
        StackError: the engine went away, or refused.
    """
    try:
        return ask()
    except (BotoCoreError, ClientError, OSError) as error:
        raise StackError(
            f"The stack did not answer ({type(error).__name__}). If it lasts, run `make up`, which repairs it."
        ) from error
