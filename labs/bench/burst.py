"""How fast a burst of orders gets to its last mail, compared with loops of the same queues and topic."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil

from labs.bench.baselines import Loop, loop
from labs.bench.rows import Row
from labs.processes import cpu_seconds
from localstack import demo, engines, seed
from localstack.mailbox import arrived_at
from localstack.stack import Stack
from tooling.order_client import OrderClient
from tooling.polling import poll

_ORDERS = 500
# Enough to start as many processes of each function as it may have.
_WARM = 100
_SECONDS = 900
_CUSTOMERS = 8
# To the customer and to the internal team.
_MAILS = 2


def measure(rounds: int, orders: int = _ORDERS, warm: int = _WARM) -> Iterator[Row]:
    """Measure the burst and both loops alternately; the first of each does not count.

    Args:
        rounds: rounds that count
        orders: orders of a burst, and messages through a loop
        warm: orders of the burst that does not count

    Raises:
        UserError: the stack is not up, or a burst did not end in time.
    """
    stack = engines.require()
    with loop(stack, renders=False) as empty, loop(stack, renders=True) as rendering:
        runs: dict[str, Callable[[int], float]] = {
            "ours": lambda count: _burst(stack, count),
            "empty": lambda count: _through(empty, count),
            "rendering": lambda count: _through(rendering, count),
        }
        for run in runs.values():
            run(warm)
        rates: dict[str, list[float]] = {name: [] for name in runs}
        note = ""
        for _ in range(rounds):
            for name, run in runs.items():
                before = cpu_seconds(stack)
                seconds = run(orders)
                rates[name].append(orders / seconds)
                note = _shares(stack, before, seconds) if name == "ours" else note
    what, ours = f"burst of {orders} orders until the last mail", tuple(rates["ours"])
    vs = {
        "empty": "queue, function, table, topic, three queues, functions that do nothing",
        "rendering": "the same loop, in which one function renders the invoice with plain WeasyPrint",
    }
    yield Row("burst", what, "1/s", ours, vs["empty"], tuple(rates["empty"]), 0.5, at_least=True, note=note)
    yield Row(
        "burst", f"{what}, both render", "1/s", ours, vs["rendering"], tuple(rates["rendering"]), 0.5, at_least=True
    )


def place(stack: Stack, count: int, seconds: float) -> list[str]:
    """Place demo orders, eight at a time, wait for all their mails, and return the names of the mails' files.

    Raises:
        UserError: an order was refused, or a mail did not arrive in time.
    """
    before = {path.name for path in stack.mail_dir.glob("*.eml")}
    body = demo.order()

    def order(client: OrderClient) -> None:
        key = f"bench-{uuid.uuid4()}"
        client.place(body, idempotency_key=key, correlation_id=key)

    with (
        OrderClient(stack.api_url, seed.token(stack, body["customerEmail"]), timeout=60) as client,
        ThreadPoolExecutor(_CUSTOMERS) as pool,
    ):
        list(pool.map(order, [client] * count))

    # Counted by their names: reading the mails would take the processors from the functions.
    def mails() -> list[str] | None:
        new = [path.name for path in stack.mail_dir.glob("*.eml") if path.name not in before]
        return new if len(new) >= _MAILS * count else None

    return poll(f"{_MAILS * count} mails", mails, seconds, interval=0.1)


def _burst(stack: Stack, orders: int) -> float:
    """Seconds from the first request to the last mail."""
    began = time.time()
    return max(arrived_at(stack.mail_dir / name) for name in place(stack, orders, _SECONDS)) - began


def _through(baseline: Loop, messages: int) -> float:
    """Seconds from the first message to the last call of a function."""
    began = time.monotonic()
    baseline.run(messages, _SECONDS)
    return time.monotonic() - began


def _shares(stack: Stack, before: dict[str, float], seconds: float) -> str:
    """Which processes used the processors since then, largest share first."""
    names = {name: folder for folder, name in stack.outputs["function_names"].items()}
    used = {names.get(name, name): spent - before.get(name, 0) for name, spent in cpu_seconds(stack).items()}
    whole = sum(used.values())
    largest = sorted(((spent / whole, name) for name, spent in used.items()), reverse=True)
    return f"{whole:.0f} s of processor time, of {(psutil.cpu_count() or 1) * seconds:.0f} s available: " + ", ".join(
        f"{name} {share:.0%}" for share, name in largest if share >= 0.01
    )
