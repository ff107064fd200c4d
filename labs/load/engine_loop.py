"""What the embedded engine alone costs: the same requests to functions that do nothing, on the same stack."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from labs.bench.baselines import Loop, behind_api
from labs.load.steps import PATHS, Kind, Step
from localstack import stack as stacks
from localstack.aws import Aws
from localstack.stack import Stack
from localstack.terraform import LocalTerraform
from localstack.up import exclusive
from ops.queues import url

_WARM, _SECONDS = 100, 120
# A `make up` or `make watch` in another terminal may hold the stack for as long.
_LOCK_SECONDS = 600


class Cost(NamedTuple):
    """Seconds of a processor that a request takes at a rate, with the order that it places: of engine and functions."""

    rate: float
    engine: float
    functions: float

    @property
    def total(self) -> float:
        """Seconds of both."""
        return self.engine + self.functions


def cost(rate: float, requests: float, before: dict[str, float], after: dict[str, float]) -> Cost:
    """The cost of each of so many requests, from the processor seconds of each process before and after them."""
    used = {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}
    engine = used.pop("engine", 0.0)
    return Cost(rate, engine / requests, sum(used.values()) / requests)


@contextmanager
def _leaving_as_applied(stack: Stack) -> Iterator[None]:
    """Keep others from changing the stack, and the next `make up` from an apply: Terraform manages none of the loop."""
    with exclusive(stack, _LOCK_SECONDS), LocalTerraform(stacks.load(stack.directory)).leaving_as_applied():
        yield


@contextmanager
def empty_loop(stack: Stack) -> Iterator[dict[Kind, str]]:
    """Paths of functions that do nothing behind the stack's API; what POST accepts goes through the engine's loop."""
    handlers: dict[Kind, tuple[str, str, str]] = {
        "POST order": ("pass_on", "create_order", "POST"),
        "GET order": ("nothing", "get_order", "GET"),
        "GET list": ("nothing", "list_orders", "GET"),
    }
    with _leaving_as_applied(stack), ExitStack() as making:
        loop = making.enter_context(Loop.open(stack))
        first = url(Aws(stack.endpoint).sqs, loop.first_queue)
        paths: dict[Kind, str] = {}
        for kind, (handler, function, method) in handlers.items():
            path = PATHS[kind].removeprefix("/v1.0/")
            resource = path.replace("{order}", "{orderId}").replace("{tenant}", "{tenantId}")
            made = behind_api(stack, handler, function, method, resource, LOOP_QUEUE_URL=first)
            paths[kind] = f"/{making.enter_context(made)}/{path}"
        removal = making.pop_all()
    try:
        # What it takes to start the processes of the functions is no part of a request.
        loop.run(_WARM, _SECONDS)
        yield paths
    finally:
        with _leaving_as_applied(stack):
            removal.close()


def knee(steps: Sequence[Step]) -> str:
    """The highest rate that holds, and the one that breaks, in words."""
    held = [step.rate for step in steps if not step.broken]
    holds = f"{max(held):g} requests a second hold" if held else "none of the rates holds"
    return f"{holds}, {steps[-1].rate:g} break" if steps[-1].broken else f"{holds}, and none of the rates breaks"


def report(steps: Sequence[Step], costs: Sequence[Cost], empty: Sequence[Step], empty_costs: Sequence[Cost]) -> str:
    """Where the service and the engine's empty loop have their knees, and what each costs, as a Markdown list."""
    engine = {each.rate: each for each in empty_costs}
    both = [each for each in costs if each.rate in engine]
    lines = [f"- the knee: {knee(steps)}", f"- the engine's empty loop, in the same run: {knee(empty)}"]
    for each in both:
        alone = engine[each.rate]
        lines.append(
            f"- at {each.rate:g} a request takes {_ms(each.total)} of a processor: the engine {_ms(each.engine)}, the "
            f"functions {_ms(each.functions)}. The engine's empty loop takes {_ms(alone.total)}, so the service costs "
            f"{_ms(each.total - alone.total)}"
        )
    return "\n".join(lines) + "\n"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
