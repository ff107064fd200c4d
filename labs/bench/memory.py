"""How large each function has to be: its memory at most, and what a call takes and costs at each size."""

import json
import statistics
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from common.models import MAX_CART_LINES
from common.order import Order
from labs.bench import power
from labs.bench.probes import Call, Probed, probe
from labs.bench.rows import Row
from labs.bench.work import Work
from localstack import engines
from localstack.aws import Aws
from localstack.stack import Stack, StackError
from ops.queues import wait_idle
from tooling.paths import ROOT

DOCUMENT = ROOT / "build" / "bench" / "memory.md"
# Of usual orders, the first of them cold; one of the longest order that there can be follows.
_CALLS = 6
_LINES = 10
_HEADROOM = 1.5
_MIB = 2**20
_SECONDS = 300


class Sized(NamedTuple):
    """What was measured of a function, over all rounds.

    Args:
        memory_mb: that Terraform gives it.
        peaks: bytes of each round.
        init: seconds of computing until it is ready.
        cpu: seconds that a warm call computes.
        waiting: seconds that a warm call waits.
        longest: seconds that a call computes for the longest order.
    """

    memory_mb: int
    peaks: tuple[float, ...]
    init: float
    cpu: float
    waiting: float
    longest: float

    @property
    def least_mb(self) -> float:
        """The size that leaves the headroom over the peak."""
        return max(self.peaks) / _MIB * _HEADROOM

    def seconds(self, memory_mb: int) -> float:
        """A warm call at a size, by the model."""
        return power.modelled_seconds(self.cpu, self.waiting, memory_mb)

    def longest_seconds(self, memory_mb: int) -> float:
        """A call for the longest order at a size, by the model."""
        return power.modelled_seconds(self.longest, self.waiting, memory_mb)


def measure(rounds: int) -> Iterator[Row]:
    """The peak of each function beside its memory, and the table of docs/cost.md into build/bench.

    Raises:
        StackError: the stack is not up, or a function did not do its work.
    """
    stack = engines.require()
    found = [_round(stack) for _ in range(rounds)]
    sizes = {name: _sized(stack, name, [one[name] for one in found]) for name in found[0]}
    for name, sized in sizes.items():
        yield Row(
            "memory",
            f"most memory of {name}, of {sized.memory_mb} MB",
            "bytes",
            sized.peaks,
            limit=sized.memory_mb * _MIB / _HEADROOM,
            note=f"computes {sized.init:.2f} s to be ready, {sized.cpu:.3f} s a call; at {sized.memory_mb} MB, by the "
            f"model, a call takes {sized.seconds(sized.memory_mb):.2f} s, the longest order's "
            f"{sized.longest_seconds(sized.memory_mb):.2f} s",
        )
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    DOCUMENT.write_text(table(sizes))


def table(sizes: dict[str, Sized]) -> str:
    """Seconds of computing as measured, and time and price of calls at each size by the model, as Markdown."""
    heads = [f"{size:,} MB: s, USD a million" for size in power.SIZES_MB]
    lines = [
        f"| function | has | most memory × {_HEADROOM:g} | init | a call | the longest order | {' | '.join(heads)} |",
        "|---" * (6 + len(heads)) + "|",
    ]
    for name, sized in sizes.items():
        cells = [
            f"{sized.seconds(size):.3f}, {power.usd_per_million(sized.seconds(size), size):.2f}"
            if size >= sized.least_mb
            else "too small"
            for size in power.SIZES_MB
        ]
        lines.append(
            f"| {name} | {sized.memory_mb} MB | {sized.least_mb:.0f} MB | {sized.init:.2f} s | {sized.cpu:.3f} s | "
            f"{sized.longest:.2f} s | "
            f"{' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def _sized(stack: Stack, name: str, probed: list[Probed]) -> Sized:
    about = Aws(stack.endpoint).functions.get_function_configuration(FunctionName=stack.outputs["function_names"][name])
    # Neither the cold call nor the longest order's.
    warm = [call for one in probed for call in one.calls[1:-1]]
    return Sized(
        memory_mb=about["MemorySize"],
        peaks=tuple(float(one.peak) for one in probed),
        init=statistics.median(one.init for one in probed),
        cpu=statistics.median(call.cpu for call in warm),
        # The least: what else the machine does makes the engine slower.
        waiting=min(call.waiting for call in warm),
        longest=statistics.median(one.calls[-1].cpu for one in probed),
    )


def _round(stack: Stack) -> dict[str, Probed]:
    usual, longest = Work(stack, _LINES), Work(stack, MAX_CART_LINES)
    works = [*[usual] * _CALLS, longest]
    found = {"create_order": probe(stack, "create_order", [work.create_order() for work in works])}
    wait_idle(Aws(stack.endpoint).sqs, stack.outputs["queue_names"].values(), _SECONDS)
    orders = [work.order(_id(call)) for work, call in zip(works, found["create_order"].calls, strict=True)]

    def run(function: str, event: Callable[[Work, Order], dict[str, Any]]) -> None:
        found[function] = probe(stack, function, [event(*each) for each in zip(works, orders, strict=True)])
        wait_idle(Aws(stack.endpoint).sqs, stack.outputs["queue_names"].values(), _SECONDS)

    run("get_order", Work.get_order)
    run("list_orders", lambda work, _: work.list_orders())
    run("order_creator_record", lambda work, _: work.order_creator_record())
    run("order_pdf_creator", Work.order_pdf_creator)
    run("order_internal_notification", Work.order_internal_notification)
    run("customer_order_confirmation", Work.customer_order_confirmation)
    run("update_order", Work.update_order)
    for function, probed in found.items():
        _check(function, probed)
    return found


def _id(call: Call) -> UUID:
    return UUID(json.loads(call.answer["body"])["orderId"])


def _check(function: str, probed: Probed) -> None:
    """Hold each call to have done its work.

    Raises:
        StackError: one has not.
    """
    for call in probed.calls:
        if call.answer.get("batchItemFailures") or call.answer.get("statusCode", 200) >= 300:
            raise StackError(f"{function} did not do its work in a process of its own, but answered {call.answer}")
