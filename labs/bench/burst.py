"""How fast a burst of orders gets to its last mail, beside the emulator's own loop with functions that do nothing."""

import time
from collections.abc import Callable, Iterator

import psutil

from labs.bench import customers
from labs.bench.customers import Customers
from labs.bench.loop import Loop, loop
from labs.bench.needed import NEEDED
from labs.bench.rows import Row
from labs.bench.workers import cpu_seconds
from localstack import engines
from localstack.stack import Stack

_ORDERS = 500
# Enough that each function has as many processes as it may have.
_WARM = 100
_SECONDS = 900
# Less of the processors' time is not worth a word.
_SHOWN_SHARE = 0.01


def measure(rounds: int, orders: int = _ORDERS, warm: int = _WARM) -> Iterator[Row]:
    """The burst and both loops, alternating; a first of each is thrown away.

    Args:
        rounds: of each.
        orders: in a burst, and messages through a loop.
        warm: of the one that is thrown away.

    Raises:
        StackError: the stack is not up, or one did not end in time.
    """
    stack = engines.require()
    with loop(stack, draws=False) as empty, loop(stack, draws=True) as drawing:
        runs: dict[str, Callable[[int], float]] = {
            "ours": lambda number: _burst(stack, number),
            "empty": lambda number: _through(empty, number),
            "drawing": lambda number: _through(drawing, number),
        }
        for run in runs.values():
            run(warm)
        rates: dict[str, list[float]] = {name: [] for name in runs}
        shares: list[str] = []
        for _ in range(rounds):
            for name, run in runs.items():
                before = cpu_seconds(stack)
                seconds = run(orders)
                rates[name].append(orders / seconds)
                if name == "ours":
                    shares.append(_shares(stack, before, seconds))
        what = f"burst of {orders} orders until the last mail"
        ours = tuple(rates["ours"])
        yield Row(
            "burst",
            what,
            "1/s",
            ours,
            "queue, function, table, topic, three queues, empty functions",
            tuple(rates["empty"]),
            limit=0.5,
            at_least=True,
            note=f"{shares[-1]}; an order takes {len(NEEDED)} calls of AWS and an invoice, a message of the loop two",
        )
        yield Row(
            "burst",
            f"{what} (drawing in both)",
            "1/s",
            ours,
            "the same, but one of the three draws the invoice with plain WeasyPrint",
            tuple(rates["drawing"]),
            limit=0.5,
            at_least=True,
        )


def _burst(stack: Stack, orders: int) -> float:
    """Seconds from the first request to the last customer's mail."""
    buyers, there = Customers(stack), customers.count(stack)
    began = time.time()
    correlations = buyers.order_at_once(orders)
    return customers.last_confirmation(buyers.await_mails(correlations, _SECONDS, there)) - began


def _through(floor: Loop, messages: int) -> float:
    """Seconds from the first message to the last empty call."""
    began = time.monotonic()
    floor.run(messages, _SECONDS)
    return time.monotonic() - began


def _shares(stack: Stack, before: dict[str, float], seconds: float) -> str:
    """What has used the processors since then, most first, and how much of what they had to give in so many seconds."""
    names = {name: folder for folder, name in stack.outputs["function_names"].items()}
    used = {names.get(name, name): spent - before.get(name, 0) for name, spent in cpu_seconds(stack).items()}
    whole = sum(used.values())
    most = sorted(((spent / whole, name) for name, spent in used.items()), reverse=True)
    given = (psutil.cpu_count() or 1) * seconds
    return f"functions and engine compute {whole:.0f} of the {given:.0f} s that the processors give: " + ", ".join(
        f"{name} {share:.0%}" for share, name in most if share > _SHOWN_SHARE
    )
