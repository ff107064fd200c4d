"""The runs: a load, faults, one redrive, and the audit."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from labs.chaos.auditor import INTERNAL, Auditor, Checks, Finding, table
from labs.chaos.load import Load, Placed
from labs.processes import workers
from localstack import engines
from localstack.aws import Aws
from localstack.engines.ministack import MiniStack
from localstack.faults.control import Control, Journal
from localstack.faults.plan import KILLS, RATES, Fault, KillPoint, Outage, Plan
from localstack.stack import Stack, StackError
from localstack.up import console
from ops.queues import enable_consumer, redrive, url, wait_idle
from tooling.polling import poll

SEEDS = (11, 23, 47)
ORDERS = 1_000
_FEW = 6
_SHORT = 15
_STEADY_SECONDS = 600
# In AWS six times the function's timeout. Here just above the time that a notifier claims a mail for, so that a run
# does not wait three minutes for each function that was killed; shorter still with few orders, whose batches are quick.
_VISIBILITY_SECONDS = {"order_creator_record": 30, "order_pdf_creator": 60}
_VISIBILITY_SECONDS |= {"order_internal_notification": 32, "customer_order_confirmation": 32}
_SHORT_SECONDS = {"order_creator_record": 20, "order_pdf_creator": 20}
_IDLE_SECONDS = 900
_WAVES = 6
# The SDK makes three attempts of each call.
_SDK_ATTEMPTS = 3
_ALWAYS = 1_000


def _outages(service: str, fault: Fault, times: int, *functions: str) -> tuple[Outage, ...]:
    return tuple(Outage(service, fault, times, function) for function in functions)


_NOTIFIERS = ("internal-notifier", "customer-notifier")
_WITH_BATCHES = ("creator-record", *_NOTIFIERS)
# Failures that pass without help, so that the calls which follow a failure can be kill points too.
_PASSING = (
    *_outages("cart", Fault.ERROR, 1, "creator-record"),
    *_outages("sns", Fault.ERROR, _SDK_ATTEMPTS, "pdf-creator"),
    *_outages("ses", Fault.REFUSE, 1, *_NOTIFIERS),
)
OUTAGES = {
    "slow Cart service": _outages("cart", Fault.STALL_BEFORE, 1, "creator-record"),
    "Cart service down": _outages("cart", Fault.ERROR, _ALWAYS, "creator-record"),
    "SNS failing after the table write": _outages("sns", Fault.ERROR, _ALWAYS, "creator-record"),
    "S3 down during the invoice": _outages("s3", Fault.ERROR, _ALWAYS, "pdf-creator"),
    "SES refusing": _outages("ses", Fault.REFUSE, _ALWAYS, *_NOTIFIERS),
}


class Runs(ExitStack):
    """Runs on one stack with a fault proxy; the end of the context restores its queues. A short run has few orders.

    Each run prints what it found, and returns whether every promise was checked and kept.
    """

    def __init__(self, stack: Stack, short: bool = False) -> None:
        super().__init__()
        self._stack, self._aws, self._proxy = stack, Aws(stack.endpoint), Control(stack)
        self._queues: dict[str, str] = stack.outputs["queue_names"]
        self._dlqs: dict[str, str] = stack.outputs["dlq_names"]
        seconds = _VISIBILITY_SECONDS | (_SHORT_SECONDS if short else {})
        for function, each in seconds.items():
            self.callback(self._hide, function, self._hide(function, each))
        # Earlier tests leave messages in the DLQs, such as an order without a cart.
        self._wait_idle()
        for name in self._dlqs.values():
            self._aws.sqs.purge_queue(QueueUrl=url(self._aws.sqs, name))

    def _hide(self, function: str, seconds: int) -> int:
        """Set the visibility timeout of a function's queue, and return what it was."""
        queue = url(self._aws.sqs, self._queues[function])
        before = self._aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
        self._aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(seconds)})
        return int(before["VisibilityTimeout"])

    def _begin(self, name: str, plan: Plan | None = None) -> tuple[Load, Auditor]:
        load = Load(self._stack, name)
        auditor = Auditor(self._stack, load.tenants)
        self._proxy.begin(plan or Plan())
        return load, auditor

    def orders(self, title: str, name: str, orders: int, plan: Plan | None = None, every_seconds: float = 0) -> bool:
        """Orders under a plan of faults; with 0 seconds between them as fast as they are accepted."""
        load, auditor = self._begin(name, plan)
        began = time.monotonic()
        placed = load.place(range(orders), every_seconds=every_seconds)
        accepted = "" if plan else f", accepted in {time.monotonic() - began:.0f} s"
        return self._finish(f"{orders} orders {title}{accepted}", auditor, placed)

    def kills(self) -> bool:
        """A kill at every call of every function, before and after it takes effect."""
        # One message at a time, so that each kill hits one order.
        batch_sizes = self._batch_sizes()
        self._set_batch_sizes(dict.fromkeys(batch_sizes, 1))
        load, auditor = self._begin("kills", Plan(outages=_PASSING))
        kept = self._kill_at_every_call(auditor, lambda numbers: load.place(numbers, paid_every=2))
        self._set_batch_sizes(batch_sizes)
        return kept

    def kills_in_batches(self) -> bool:
        """A kill at every call of the functions that take batches, while they handle several messages.

        Not at reads of templates and invoices: each mail makes its own, as in `kills`.
        """
        load, auditor = self._begin("kills-in-batches", Plan(outages=_PASSING))
        return self._kill_at_every_call(auditor, lambda numbers: self._place_together(load, numbers), batches=True)

    def _kill_at_every_call(
        self, auditor: Auditor, place: Callable[[range], list[Placed]], batches: bool = False
    ) -> bool:
        """Record the calls of the functions; then place orders until each call was killed."""
        placed = place(range(20))
        self._wait_idle()
        earlier = self._proxy.journal()
        points = kill_points(earlier.steps, batches)
        self._proxy.begin(Plan(kills=points, outages=_PASSING))
        waves = 0
        while left := self._proxy.journal().kills_left:
            if waves == _WAVES:
                raise StackError(f"no call reached these kill points in {_WAVES} waves: {', '.join(map(str, left))}")
            waves += 1
            # Only a new process reads the templates.
            for worker in workers(self._stack):
                worker.process.kill()
            # Of every twenty orders some are rejected, whose mail has a template of its own.
            placed += place(range(len(placed), len(placed) + len(left) + 20))
            self._wait_idle()
        where = " in batches" if batches else ""
        return self._finish(f"{len(points)} kill points{where}, {len(placed)} orders", auditor, placed, earlier=earlier)

    def _place_together(self, load: Load, numbers: range) -> list[Placed]:
        """Place orders that wait for each other in front of the functions that take batches."""
        with ExitStack() as held:
            for function in ("order_creator_record", "customer_order_confirmation"):
                enable_consumer(self._aws.sqs, self._aws.functions, self._queues[function], False)
                held.callback(enable_consumer, self._aws.sqs, self._aws.functions, self._queues[function], True)
            placed = load.place(numbers, paid_every=None)
            enable_consumer(self._aws.sqs, self._aws.functions, self._queues["order_creator_record"], True)
            before = [self._queues[function] for function in ("order_creator_record", "order_pdf_creator")]
            wait_idle(self._aws.sqs, before, _IDLE_SECONDS, interval=1)
        return placed

    def _batch_sizes(self) -> dict[str, int]:
        """The batch size of each event source mapping, by its id."""
        mappings = self._aws.functions.list_event_source_mappings()["EventSourceMappings"]
        return {mapping["UUID"]: mapping["BatchSize"] for mapping in mappings}

    def _set_batch_sizes(self, sizes: dict[str, int]) -> None:
        for mapping, messages in sizes.items():
            self._aws.functions.update_event_source_mapping(UUID=mapping, BatchSize=messages)

    def restart(self, orders: int) -> bool:
        """The engine restarted in the middle of a load."""
        load, auditor = self._begin("restart")
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(load.place, range(orders))
            poll(f"half of {orders} orders accepted", lambda: load.accepted >= orders // 2 or None, _IDLE_SECONDS)
            self._proxy.freeze(True)
            MiniStack().restart(self._stack)
            self._proxy.freeze(False)
            placed = future.result()
        return self._finish(f"{orders} orders, the engine restarted after {orders // 2}", auditor, placed)

    def poison(self, orders: int) -> bool:
        """A poison message in each queue in the middle of a load."""
        load, auditor = self._begin("poison")
        placed = load.place(range(orders // 2))
        poison = {name: f"poison {uuid.uuid4()}" for name in self._queues}
        for function, text in poison.items():
            self._aws.sqs.send_message(QueueUrl=url(self._aws.sqs, self._queues[function]), MessageBody=text)
        placed += load.place(range(orders // 2, orders))
        self._wait_idle()
        finding = Finding.of("a poison message affects only itself", self._take_poison(poison))
        return self._finish(f"{orders} orders, a poison message in each queue", auditor, placed, finding)

    def _take_poison(self, poison: Mapping[str, str]) -> Checks:
        """Check that a DLQ has its poison message only, and delete it."""
        for function, text in poison.items():
            dlq = url(self._aws.sqs, self._dlqs[function])
            found = self._aws.sqs.receive_message(QueueUrl=dlq, MaxNumberOfMessages=10).get("Messages", [])
            yield [m["Body"] for m in found] == [text], f"DLQ of {function}: {[m['Body'][:80] for m in found]}"
            for message in found:
                self._aws.sqs.delete_message(QueueUrl=dlq, ReceiptHandle=message["ReceiptHandle"])

    def _wait_idle(self) -> None:
        def pending() -> bool:
            return bool(self._proxy.journal().copies)

        wait_idle(self._aws.sqs, self._queues.values(), _IDLE_SECONDS, interval=1, pending=pending)

    def _finish(
        self, title: str, auditor: Auditor, placed: Sequence[Placed], *more: Finding, earlier: Journal | None = None
    ) -> bool:
        """Audit a run; `earlier` is what the proxy forgot when the run began its last plan."""
        self._wait_idle()
        journal = self._proxy.journal()
        self._proxy.begin(Plan())
        with ThreadPoolExecutor() as pool:
            redriven = sum(pool.map(lambda name: redrive(self._aws.sqs, name).moved, self._queues.values()))
        self._wait_idle()
        duplicates = {each for known in (earlier, journal) if known for each in _duplicates(known, placed)}
        findings = [*auditor.audit(placed, duplicates), *more]
        faults = Counter(entry["fault"] for entry in journal.faults)
        kept = all(finding.checked and not finding.broken for finding in findings)
        console.print(table(title, findings))
        console.print(f"faults: {dict(sorted(faults.items()))}, redriven: {redriven}")
        console.print("every promise kept" if kept else "[red]broken[/]", end=", ")
        return kept


def kill_points(steps: Sequence[tuple[str, str, str]], batches: bool) -> tuple[KillPoint, ...]:
    """Before and after each call of the functions; in batches, of those that take them, without reads of objects."""
    made = [(function, service, step) for function, service, step in steps if service != "api"]
    if batches:
        made = [each for each in made if each[0] in _WITH_BATCHES and each[1] != "s3"]
    return tuple(KillPoint(function, step, fault) for function, _, step in made for fault in KILLS)


def _duplicates(journal: Journal, placed: Sequence[Placed]) -> set[tuple[str, str]]:
    """Recipients and correlation ids of mails that may be sent twice."""
    customers = {text: order.email for order in placed for text in (order.correlation, order.paid) if text}
    return {
        (INTERNAL if function == "internal-notifier" else customers[mail], mail)
        for function, mail in journal.unrecorded()
        if mail in customers
    }


def _chosen(runs: Runs, seeds: Sequence[int], orders: int, load: bool, short: bool) -> list[Callable[[], bool]]:
    def seeded(seed: int, orders: int) -> Callable[[], bool]:
        return partial(runs.orders, f"under random faults, seed {seed}", f"seed-{seed}", orders, Plan(seed, RATES))

    if short:
        return [seeded(SEEDS[0], _SHORT)]
    if load:
        steady = partial(runs.orders, "one every second", "steady", _STEADY_SECONDS, every_seconds=1)
        return [partial(runs.orders, "at once", "burst", orders), steady]
    random = [seeded(seed, orders) for seed in seeds or SEEDS]
    if seeds:
        return random
    outages = [
        partial(runs.orders, f"with {name}", name.lower().replace(" ", "-"), _FEW, Plan(outages=outages))
        for name, outages in OUTAGES.items()
    ]
    return [
        runs.kills,
        runs.kills_in_batches,
        *outages,
        partial(runs.poison, 10 * _FEW),
        partial(runs.restart, 10 * _FEW),
        *random,
    ]


def run(*, seeds: Sequence[int] = (), orders: int = ORDERS, load: bool = False, short: bool = False) -> int:
    """Run, print a table for each run, and return the exit status: 1 if a promise was broken.

    With seeds only random faults, to repeat a run; with `load` only a burst of orders and ten steady minutes without
    faults; with `short` only a few orders under random faults.
    """
    kept = True
    with Runs(engines.require(), short) as runs:
        for each in _chosen(runs, seeds, orders, load, short):
            began = time.monotonic()
            kept &= each()
            console.print(f"{time.monotonic() - began:.0f} s\n")
    return int(not kept)
