"""The runs: a load, faults, one redrive, and the audit."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from labs.chaos.auditor import INTERNAL, Auditor, Finding
from labs.chaos.load import Load, Placed
from localstack.aws import Aws
from localstack.engines.ministack import MiniStack
from localstack.faults.control import Control, Journal
from localstack.faults.plan import KILLS, RATES, Fault, KillPoint, Outage, Plan
from localstack.stack import Stack, StackError
from ops.queues import wait_idle
from ops.redrive import redrive

# In AWS six times the time-out of the function (R4); here just above what a notifier holds a mail for, so that a killed
# function is not waited for three minutes.
_VISIBILITY_SECONDS = {
    "order_creator_record": 30,
    "order_pdf_creator": 60,
    "order_internal_notification": 32,
    "customer_order_confirmation": 32,
}
_SHORT_SECONDS = {"order_creator_record": 20, "order_pdf_creator": 20}
# As Terraform has it.
_BATCH_SIZE = 10
_SETTLE_SECONDS = 900
_WAVES = 6
# Of a failing delivery: each makes the three tries of the SDK.
_SDK_TRIES = 3
_FOR_EVER = 1_000

# What fails once and is survived without help: so that steps of failing are there to be killed at, too.
_PASSING = (
    Outage("cart", Fault.ERROR, 1, "creator-record"),
    Outage("sns", Fault.ERROR, _SDK_TRIES, "pdf-creator"),
    Outage("ses", Fault.REFUSE, 1, "internal-notifier"),
    Outage("ses", Fault.REFUSE, 1, "customer-notifier"),
)
OUTAGES = {
    "slow Cart service": (Outage("cart", Fault.STALL_BEFORE, 1, "creator-record"),),
    "Cart service down": (Outage("cart", Fault.ERROR, _FOR_EVER, "creator-record"),),
    "SNS failing after the table write": (Outage("sns", Fault.ERROR, _FOR_EVER, "creator-record"),),
    "S3 down during the invoice": (Outage("s3", Fault.ERROR, _FOR_EVER, "pdf-creator"),),
    "SES refusing": (
        Outage("ses", Fault.REFUSE, _FOR_EVER, "internal-notifier"),
        Outage("ses", Fault.REFUSE, _FOR_EVER, "customer-notifier"),
    ),
}


@dataclass(frozen=True)
class Result:
    """A run.

    Args:
        title: for people.
        findings: of the auditor.
        faults: how many there were, by kind.
        redriven: messages put back from DLQs.
    """

    title: str
    findings: Sequence[Finding]
    faults: Counter[str]
    redriven: int

    @property
    def kept(self) -> bool:
        """Whether every promise was kept, and there was something to check."""
        return all(finding.checked and not finding.broken for finding in self.findings)


class Runs:
    """Runs on one stack, whose queues are as they were before once the block ends.

    Args:
        stack: with a fault proxy.
        short: whether there are so few orders that no batch takes long, so that a killed one is not waited for long.
    """

    def __init__(self, stack: Stack, short: bool = False) -> None:
        self._stack = stack
        self._aws = Aws(stack.endpoint)
        self._proxy = Control(stack)
        self._queues: dict[str, str] = stack.outputs["queue_names"]
        self._dlqs: dict[str, str] = stack.outputs["dlq_names"]
        hidden = _VISIBILITY_SECONDS | (_SHORT_SECONDS if short else {})
        self._before = {function: self._hide(function, seconds) for function, seconds in hidden.items()}
        # What tests before this left in the DLQs, such as an order without a cart, is not for this auditor.
        self._settle()
        for name in self._dlqs.values():
            self._aws.sqs.purge_queue(QueueUrl=self._url(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for function, seconds in self._before.items():
            self._hide(function, seconds)

    def _hide(self, function: str, seconds: int) -> int:
        """Set how long a message is hidden from others while a function has it; how long it was before."""
        url = self._url(self._queues[function])
        before = self._aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        self._aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
        return int(before["VisibilityTimeout"])

    def _url(self, name: str) -> str:
        return self._aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def _begin(self, name: str, plan: Plan | None = None) -> tuple[Load, Auditor]:
        """A load, and the auditor that has seen what was there before it."""
        load = Load(self._stack, name)
        auditor = Auditor(self._stack, load.tenants)
        self._proxy.begin(plan or Plan())
        return load, auditor

    def random(self, seed: int, orders: int) -> Result:
        """Orders under random faults; the same seed gives the same orders the same faults."""
        load, auditor = self._begin(f"seed-{seed}", Plan(seed, RATES))
        placed = load.place(range(orders))
        return self._finish(f"{orders} orders under random faults, seed {seed}", auditor, placed)

    def burst(self, orders: int) -> Result:
        """Orders as fast as they are accepted."""
        load, auditor = self._begin("burst")
        began = time.monotonic()
        placed = load.place(range(orders))
        return self._finish(f"{orders} orders at once, accepted in {time.monotonic() - began:.0f} s", auditor, placed)

    def steady(self, seconds: int) -> Result:
        """An order a second."""
        load, auditor = self._begin("steady")
        placed = load.place(range(seconds), every_seconds=1)
        return self._finish(f"an order a second for {seconds} s", auditor, placed)

    def outage(self, name: str, orders: int) -> Result:
        """Orders while something is down for longer than messages are tried, or slow."""
        load, auditor = self._begin(name.lower().replace(" ", "-"), Plan(outages=OUTAGES[name]))
        placed = load.place(range(orders))
        return self._finish(f"{orders} orders, {name}", auditor, placed)

    def kills(self) -> Result:
        """A kill at every call of every function, before and after it takes effect."""
        load = Load(self._stack, "kills")
        auditor = Auditor(self._stack, load.tenants)
        # One message at a time: who is killed, and at which order, is then one answer.
        self._take(1)
        self._proxy.begin(Plan(outages=_PASSING))
        placed = load.place(range(8), paid_every=2)
        self._settle()
        steps = self._proxy.journal().steps
        points = [
            KillPoint(function, step, fault) for function, service, step in steps if service != "api" for fault in KILLS
        ]
        self._proxy.begin(Plan(kills=tuple(points), outages=_PASSING))
        for _ in range(_WAVES):
            left = self._proxy.journal().kills_left
            if not left:
                break
            placed += load.place(range(len(placed), len(placed) + len(left) + 8), paid_every=2)
            self._settle()
        left = self._proxy.journal().kills_left
        if left:
            raise StackError(f"no call came to these kill points in {_WAVES} waves: {', '.join(map(str, left))}")
        self._take(_BATCH_SIZE)
        return self._finish(f"{len(points)} kill points, {len(placed)} orders", auditor, placed)

    def _take(self, messages: int) -> None:
        """Give functions so many messages at a time."""
        for mapping in self._aws.functions.list_event_source_mappings()["EventSourceMappings"]:
            self._aws.functions.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=messages)

    def restart(self, orders: int) -> Result:
        """The engine stopped and started in the middle of a load."""
        load, auditor = self._begin("restart")
        accepted = threading.Event()
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(load.place, range(orders), accepted=(orders // 2, accepted))
            if not accepted.wait(_SETTLE_SECONDS):
                raise StackError(f"half of {orders} orders not accepted after {_SETTLE_SECONDS} s")
            self._proxy.freeze(True)
            MiniStack().restart(self._stack)
            self._proxy.freeze(False)
            placed = future.result()
        return self._finish(f"{orders} orders, the engine restarted after {orders // 2}", auditor, placed)

    def poison(self, orders: int) -> Result:
        """A poison message in each queue, in the middle of a load."""
        load, auditor = self._begin("poison")
        placed = load.place(range(orders // 2))
        poison = {name: f"poison {uuid.uuid4()}" for name in self._queues}
        for function, text in poison.items():
            self._aws.sqs.send_message(QueueUrl=self._url(self._queues[function]), MessageBody=text)
        placed += load.place(range(orders // 2, orders))
        self._settle()
        finding = Finding("a poison message hurts only itself")
        for function, text in poison.items():
            dlq = self._url(self._dlqs[function])
            found = self._aws.sqs.receive_message(QueueUrl=dlq, MaxNumberOfMessages=10).get("Messages", [])
            finding.check([m["Body"] for m in found] == [text], f"DLQ of {function}: {[m['Body'][:80] for m in found]}")
            for message in found:
                self._aws.sqs.delete_message(QueueUrl=dlq, ReceiptHandle=message["ReceiptHandle"])
        result = self._finish(f"{orders} orders, a poison message in each queue", auditor, placed)
        return Result(result.title, [*result.findings, finding], result.faults, result.redriven)

    def _settle(self) -> None:
        """Wait until every message has been handled or moved to the DLQ."""
        wait_idle(
            self._aws.sqs,
            self._queues.values(),
            _SETTLE_SECONDS,
            interval=1,
            pending=lambda: self._proxy.journal().copies > 0,
        )

    def _finish(self, title: str, auditor: Auditor, placed: Sequence[Placed]) -> Result:
        self._settle()
        journal = self._proxy.journal()
        self._proxy.begin(Plan())
        with ThreadPoolExecutor() as pool:
            redriven = sum(pool.map(lambda name: redrive(self._aws.sqs, name).moved, self._queues.values()))
        self._settle()
        findings = auditor.audit(placed, _twice(journal, placed))
        return Result(title, findings, Counter(entry["fault"] for entry in journal.faults), redriven)


def _twice(journal: Journal, placed: Sequence[Placed]) -> set[tuple[str, str]]:
    """Recipients and correlation ids of mails that may be there twice."""
    customers = {text: order.email for order in placed for text in (order.correlation, order.paid) if text}
    return {
        (INTERNAL if function == "internal-notifier" else customers[mail], mail)
        for function, mail in journal.unnoted()
        if mail in customers
    }
