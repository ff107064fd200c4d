"""How fast a burst of orders gets to its last mail, compared with a loop of the same queues and topic."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

import psutil

from labs.bench.baselines import Loop, Rendering
from labs.bench.placing import place
from labs.bench.report import Row, interleave, seconds
from labs.processes import cpu_seconds
from localstack import engines
from localstack.stack import Stack

_ORDERS, _WARM = 500, 100
_SECONDS = 900
# At least this many orders a second, on two cores.
_RATE = 15.2
_VS: Final[dict[Rendering, str]] = {
    "render_as_ours": "a loop of the same queues in which one function renders the same invoice as ours does",
    "render_plain": "a loop of the same queues in which one function renders the invoice with plain WeasyPrint",
}


def measure(rounds: int) -> Iterator[Row]:
    """Measure the burst alternately with loops that render the same invoice."""
    stack, notes = engines.require(), list[str]()

    def burst() -> tuple[float, ...]:
        before = cpu_seconds(stack)
        taken = place(stack, _ORDERS, _SECONDS)
        notes.append(_shares(stack, before, taken))
        return (_ORDERS / taken,)

    with ExitStack() as running:
        loops = [running.enter_context(Loop.open(stack, rendering)) for rendering in _VS]

        def baselines() -> tuple[float, ...]:
            return tuple(_ORDERS / seconds(partial(loop.run, _ORDERS, _SECONDS)) for loop in loops)

        # The processes of all sides start before the first round.
        place(stack, _WARM, _SECONDS)
        for loop in loops:
            loop.run(_WARM, _SECONDS)
        ours, theirs = interleave(burst, baselines, rounds, warm=0)
    what, (rates,) = f"burst of {_ORDERS} orders until the last mail", tuple(zip(*ours, strict=True))
    for vs, each in zip(_VS.values(), zip(*theirs, strict=True), strict=True):
        yield Row("burst", what, "1/s", rates, vs, each, 0.85, at_least=True)
    yield Row("burst", f"{what}, on two cores", "1/s", rates, limit=_RATE, at_least=True, note=notes[-1])


def _shares(stack: Stack, before: dict[str, float], taken: float) -> str:
    """Which processes used the processors since then, largest share first."""
    names = {name: folder for folder, name in stack.outputs["function_names"].items()}
    used = {names.get(name, name): spent - before.get(name, 0) for name, spent in cpu_seconds(stack).items()}
    whole, available = sum(used.values()), (psutil.cpu_count() or 1) * taken
    largest = sorted(used.items(), key=lambda each: -each[1])
    shares = ", ".join(f"{name} {spent / whole:.0%}" for name, spent in largest if spent > 0.01 * whole)
    return f"functions and engine compute {whole:.0f} of {available:.0f} s available: {shares}"
