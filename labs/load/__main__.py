"""`python -m labs.load`: makes customers, lets Locust load the API as them, tells where it breaks, removes them."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import requests

from e2e.tenant import Tenant
from evidence.collect import OrderTimer, Recorder
from labs.bench.report import machine
from labs.load import plan as plans
from labs.load import plot, table
from labs.load.plan import Customer, Plan
from labs.load.steps import PACE_SECONDS, Step, failures, from_json
from localstack import targets as platforms
from localstack.stack import ADVICE, StackError
from localstack.targets import Platform
from localstack.up import console, shown, step
from tooling.cli import run_cli
from tooling.commands import run
from tooling.machine import TOOL_VENVS
from tooling.paths import ROOT

FOLDER = ROOT / "build" / "load"
_LOCUST = TOOL_VENVS["load"] / "bin" / "locust"
_LOADED = ("local", "dev", "sit")
_HIGHEST_RATE = 1000.0
# With fewer, p95 is just the longest.
_ENOUGH_ORDERS = 20
# An ID token lives an hour, and nobody signs in again.
_LONGEST_SECONDS = 50 * 60
_WAYS = 20
_HTTP_SECONDS = 30
# For Locust to begin and to end, beside its steps.
_EXTRA_SECONDS = 60


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m labs.load")
    parser.add_argument("--target", default="local", help="environment of the stack: local, dev or sit")
    parser.add_argument("--rates", default="5,10,15,20,30,40,60,80,120,160", help="in requests a second, rising")
    parser.add_argument("--seconds", type=int, default=20, help="that each rate is measured")
    parser.add_argument("--gate", type=float, help="one of the rates: the last one, and it must hold")
    parser.add_argument(
        "--customers", type=int, default=5, choices=range(1, 51), metavar="1..50", help="who take turns"
    )
    return parser.parse_args()


def rates_of(text: str, gate: float | None) -> tuple[float, ...]:
    """The rates to try, up to the gate if there is one.

    Raises:
        StackError: they are not numbers that rise, are too high or too low, or the gate is none of them.
    """
    try:
        rates = tuple(float(each) for each in text.split(","))
    except ValueError:
        raise StackError(f"RATES is {text!r}; it must be numbers with commas between them, such as 2,5,10") from None
    least = 1 / PACE_SECONDS
    if not all(least <= rate <= _HIGHEST_RATE for rate in rates) or any(a >= b for a, b in pairwise(rates)):
        raise StackError(
            f"RATES is {text!r}; they must rise, from {least:g} to {_HIGHEST_RATE:g} requests a second at the most"
        )
    if gate is not None and gate not in rates:
        raise StackError(f"GATE is {gate:g}; it must be one of the rates: {', '.join(f'{rate:g}' for rate in rates)}")
    return tuple(rate for rate in rates if gate is None or rate <= gate)


def seconds_of(rates: tuple[float, ...], seconds: int) -> float:
    """How long all steps take together.

    Raises:
        StackError: a step is too short to have a p95, or they outlive the customers' tokens.
    """
    orders = rates[0] * seconds * plans.ORDERS / (plans.ORDERS + plans.READS + plans.LISTS)
    if orders < _ENOUGH_ORDERS:
        raise StackError(
            f"{rates[0]:g} requests a second for {seconds} s are {orders:g} orders, and p95 needs {_ENOUGH_ORDERS}: "
            "ask for higher RATES or more SECONDS"
        )
    whole = plans.WARM_SECONDS + len(rates) * (plans.SETTLE_SECONDS + seconds)
    if whole > _LONGEST_SECONDS:
        raise StackError(
            f"{len(rates)} rates of {seconds} s are {whole:.0f} s; the customers' tokens live for an hour: "
            f"ask for {_LONGEST_SECONDS} s at the most"
        )
    return whole


def platform_of(target: str) -> Platform:
    """The stack to load, which has a Cart service that takes carts.

    Raises:
        StackError: it is one that is never loaded, it is not there, or has no such Cart service.
    """
    if target not in _LOADED:
        raise StackError(
            f"{target} is not loaded: a load test writes orders, and mails go out for them. "
            f"TARGET is one of {', '.join(_LOADED)}"
        )
    if not _LOCUST.exists():
        raise StackError(f"there is no {shown(_LOCUST)}: `make load` installs it")
    platform = platforms.chosen(target)
    if not platform.cart_url:
        raise StackError("E2E_CART_URL is not set: it is the URL of a Cart service where tests may put carts")
    return platform


def way_to(api_url: str) -> float:
    """Seconds to the API and back, over an open connection: of `GET /health`, which API Gateway answers itself."""
    times = []
    with requests.Session() as http:
        for _ in range(_WAYS + 1):
            answer = http.get(f"{api_url}/health", timeout=_HTTP_SECONDS)
            answer.raise_for_status()
            times.append(answer.elapsed.total_seconds())
    # The first one opens the connection.
    return statistics.median(times[1:])


@contextmanager
def customers(platform: Platform, count: int) -> Iterator[tuple[Customer, ...]]:
    """Customers, each the one user of a tenant of its own; the users are removed in the end, whatever comes."""
    with ExitStack() as leaving:
        found = []
        for _ in range(count):
            # The tests' evidence is of their own orders.
            tenant = Tenant(platform, OrderTimer(Recorder(None, ""), "alongside other tests"))
            leaving.callback(tenant.remove)
            found.append(Customer(tenant.id, tenant.tokens["IdToken"], tenant.body()))
        yield tuple(found)


def _run(plan: Plan, seconds: float, log: Path) -> list[Step]:
    """Let Locust go through the plan.

    Raises:
        CommandError: it failed, or did not end in time; the text ends with what it printed.
    """
    # Nobody else may read the tokens.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        plan.write(path)
        environment = {**os.environ, plans.VARIABLE: str(path), "PYTHONPATH": str(ROOT)}
        command = [str(_LOCUST), "--headless", "--only-summary", "--exit-code-on-error", "0"]
        command += ["--locustfile", str(Path(__file__).with_name("locustfile.py"))]
        run("locust", command, seconds + _EXTRA_SECONDS, environment, ROOT, log).checked()
    try:
        return [from_json(content) for content in json.loads(Path(plan.result).read_text())]
    except FileNotFoundError:
        raise StackError(f"Locust ended before the first rate was measured: {shown(log)} says why") from None


def load() -> int:
    """Load the API, write steps.json, table.md and latency.svg, and say where it breaks.

    Returns:
        The exit status: 1 if the gate does not hold.

    Raises:
        StackError: what was asked for is not possible; the text says why.
        CommandError: Locust failed.
    """
    arguments = _arguments()
    rates = rates_of(arguments.rates, arguments.gate)
    seconds = seconds_of(rates, arguments.seconds)
    platform = platform_of(arguments.target)
    folder = FOLDER / arguments.target
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / "steps.json"
    result.unlink(missing_ok=True)
    with customers(platform, arguments.customers) as found:
        way = way_to(platform.api_url)
        plan = Plan(platform.api_url, found, rates, arguments.seconds, way, str(result))
        with step(f"load of {', '.join(f'{rate:g}' for rate in rates)} requests a second, {arguments.seconds} s each"):
            steps = _run(plan, seconds, folder / "locust.log")
    title = f"{arguments.target} under load: {machine()}; the way to the API takes {way * 1000:.0f} ms"
    (folder / "table.md").write_text(table.markdown(steps, title))
    plot.draw(steps, f"{arguments.target}: latency against rate", folder / "latency.svg")
    console.print(table.table(steps, title))
    for each in steps:
        for why in each.broken:
            console.print(f"at {each.rate:g} requests a second {why}", soft_wrap=True)
    console.print(f"The plot is {shown(folder / 'latency.svg')}, the table {shown(folder / 'table.md')}")
    missed = failures(steps, arguments.gate) if arguments.gate is not None else []
    if arguments.gate is not None:
        holds = "[red]does not hold[/]" if missed else "[green]holds[/]"
        console.print(f"The gate of {arguments.gate:g} requests a second {holds}")
    if missed:
        console.print(f"next: `make query NAME=slow TARGET={arguments.target}` shows which calls took long")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(run_cli(load, ADVICE))
