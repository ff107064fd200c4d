"""Signs customers up, lets Locust load the API as them, reports where it breaks, and removes them."""

import json
import os
import statistics
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import requests
from rich.markdown import Markdown

from labs.bench.report import frame, machine, new_figure, page, save
from labs.customers import ITEMS, put_cart, sign_up
from labs.load import steps
from labs.load.engine_loop import Cost, cost, empty_loop, report
from labs.load.steps import KINDS, PACE_SECONDS, POST_SECONDS, Kind, Response, Step, failures, summarise
from labs.processes import cpu_seconds
from localstack import demo, targets
from localstack import stack as stacks
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack, StackError
from localstack.targets import Platform
from localstack.up import console, display_path, step
from ops.queues import wait_idle
from tooling.commands import run as run_command
from tooling.machine import TOOL_VENVS
from tooling.paths import ROOT

RATES = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0, 80.0, 120.0, 160.0)
_FOLDER = Path(__file__).parent
_LOCUST = TOOL_VENVS["load"] / "bin" / "locust"
_TARGETS = ("local", "dev", "sit")
CUSTOMERS = 5
_LOWEST_RATE, _HIGHEST_RATE = 1 / PACE_SECONDS, 1000.0
# With fewer, p95 is simply the longest.
_FEWEST_ORDERS = 20
# An ID token lives an hour, and nobody signs in again.
_LONGEST_SECONDS = 50 * 60
_DRAINED_SECONDS = 600
# For Locust to start and to end.
_EXTRA_SECONDS = 60
_HEADINGS = (
    *("requests a second", "reached", "POST p50", "POST p95", "POST p99"),
    *("GET p95", "list p95", "errors", "late", ""),
)
_LIMIT = "#b3261e"
# Distinguishable without colour by their markers.
_LOOKS: Final = {"POST order": ("#0b4884", "o"), "GET order": ("#2e7d32", "s"), "GET list": ("#b26a00", "^")}


def parse_rates(text: str) -> tuple[float, ...]:
    """The rates of a text such as 2,5,10; StackError if it has anything but numbers."""
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise StackError(f"the rates are {text!r}; write numbers with commas between them, such as 2,5,10") from None


def up_to_gate(rates: Sequence[float], gate: float | None) -> tuple[float, ...]:
    """The rates to try, up to the gate; StackError if they do not rise, or the gate is not one of them."""
    text = ", ".join(f"{rate:g}" for rate in rates)
    if not all(_LOWEST_RATE <= rate <= _HIGHEST_RATE for rate in rates) or any(a >= b for a, b in pairwise(rates)):
        raise StackError(f"the rates are {text}; they must rise, from {_LOWEST_RATE:g} to {_HIGHEST_RATE:g} a second")
    if gate is not None and gate not in rates:
        raise StackError(f"the gate is {gate:g}; choose one of the rates: {text}")
    return tuple(rate for rate in rates if gate is None or rate <= gate)


def require_time(rates: Sequence[float], seconds: int) -> None:
    """Refuse steps that are too short for p95, or outlive the customers' tokens, with a StackError."""
    orders = rates[0] * seconds * steps.ORDERS / (steps.ORDERS + steps.READS + steps.LISTS)
    if orders < _FEWEST_ORDERS:
        few = f"{rates[0]:g} requests a second for {seconds} s are {orders:g} orders, and p95 needs {_FEWEST_ORDERS}"
        raise StackError(f"{few}: choose higher rates or more seconds")
    total = steps.WARM_SECONDS + len(rates) * (steps.SETTLE_SECONDS + seconds)
    if total > _LONGEST_SECONDS:
        long = f"{len(rates)} rates of {seconds} s take {total:.0f} s, but the customers' tokens are valid for an hour"
        raise StackError(f"{long}: choose at most {_LONGEST_SECONDS} s")


def platform_of(target: str) -> Platform:
    """The platform to load; StackError if it must not be loaded, is not up, or has no Cart service that is known."""
    if target not in _TARGETS:
        why = f"{target} is never loaded: a load test writes orders and sends mails"
        raise StackError(f"{why}. Choose one of {', '.join(_TARGETS)}")
    if not _LOCUST.exists():
        raise StackError(f"{display_path(_LOCUST)} is missing: `make load` installs it")
    platform = targets.chosen(target)
    if not platform.cart_url:
        raise StackError("E2E_CART_URL is not set: set it to the URL of a Cart service where tests may put carts")
    return platform


def result_folder(name: str) -> Path:
    """The folder for the results of a load test, which is made if it does not exist."""
    folder = ROOT / "build" / "load" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _round_trip(api_url: str) -> float:
    """Median seconds of `GET /health`, which API Gateway handles itself, over an open connection."""
    with requests.Session() as http:
        times = [http.get(f"{api_url}/health", timeout=30).elapsed.total_seconds() for _ in range(21)]
    # The first one opens the connection.
    return statistics.median(times[1:])


@contextmanager
def customers(platform: Platform, count: int) -> Iterator[list[dict[str, Any]]]:
    """Customers, each of a separate tenant; their users are removed at the end in any case."""
    cognito, outputs = platform.aws.cognito, platform.outputs
    # Mails of an account go to the simulator of SES, which accepts any label.
    domain = "example.com" if platform.mailbox else "simulator.amazonses.com"
    with ExitStack() as removal:
        found = []
        for _ in range(count):
            tenant = f"load-{uuid.uuid4().hex[:12]}"
            email = f"success+{tenant}@{domain}"
            if platform.issuer:
                tokens = platform.issuer.sign_in(email, tenant)
            else:
                tokens = sign_up(cognito, outputs, tenant, email)
                removal.callback(cognito.admin_delete_user, UserPoolId=outputs["user_pool_id"], Username=email)
            cart = put_cart(platform.cart_url or "", tenant, ITEMS)
            found.append({"tenant": tenant, "token": tokens["IdToken"], "body": demo.request(email, cart)})
        yield found


def responses(plan: dict[str, Any], rate: float, seconds: float, log: Path) -> tuple[float, list[Response]]:
    """Let Locust send requests at a rate; the seconds that count, and the responses; UserError if it failed."""
    users = max(1, round(rate * PACE_SECONDS))
    # A temporary folder, which nobody else can read: the plan has the tokens.
    with tempfile.TemporaryDirectory() as folder:
        path, result = Path(folder) / "plan.json", Path(folder) / "result.json"
        path.write_text(json.dumps(plan | {"result": str(result)}))
        # Locust would take options from files in a person's home folder and in the folder that it runs in.
        environment = {**os.environ, steps.PLAN_VARIABLE: str(path), "PYTHONPATH": str(ROOT), "HOME": folder}
        total = plan["settle"] + seconds
        command = [str(_LOCUST), "--headless", "--only-summary", "--exit-code-on-error=0", f"--users={users}"]
        command += [
            f"--host={plan['api_url']}",
            f"--spawn-rate={users}",
            f"--run-time={total:g}s",
            f"--locustfile={_FOLDER / 'locustfile.py'}",
        ]
        run_command("locust", command, total + _EXTRA_SECONDS, environment, Path(folder), log).checked()
        if not result.exists():
            raise StackError(f"Locust ended without a result: {display_path(log)} shows why")
        measured, received = json.loads(result.read_text())
    return measured, [Response(*response) for response in received]


def _cells(each: Step) -> tuple[str, ...]:
    def ms(kind: Kind, name: str) -> str:
        return f"{getattr(each.times[kind], name) * 1000:.0f} ms" if kind in each.times else ""

    return (
        *(f"{each.rate:g}", f"{each.reached:.1f}"),
        *(ms("POST order", name) for name in ("p50", "p95", "p99")),
        *(ms("GET order", "p95"), ms("GET list", "p95"), f"{each.error_share:.1%}"),
        *(f"{each.late_share:.0%}" if each.due else "", "breaks" if each.broken else "holds"),
    )


def markdown(measured: Sequence[Step], title: str) -> str:
    """The steps as a Markdown table, with the broken limits below."""
    broken = [f"- at {each.rate:g}: {why}" for each in measured for why in each.broken]
    return page(title, _HEADINGS, map(_cells, measured), broken)


def plot(measured: Sequence[Step], title: str, path: Path) -> None:
    """Plot p95 of each kind of request against the rate, and p50 to p99 of POST as a band; the suffix is the format."""
    with new_figure(8, 4.8) as figure:
        axes = figure.subplots()
        for kind in KINDS:
            shown = [each for each in measured if kind in each.times]
            rates, (colour, marker) = [each.rate for each in shown], _LOOKS[kind]
            p50, p95, p99 = ([each.times[kind][place] * 1000 for each in shown] for place in (1, 2, 3))
            if kind == "POST order":
                axes.fill_between(rates, p50, p99, color=colour, alpha=0.15, linewidth=0, label=f"{kind}, p50 to p99")
            axes.plot(rates, p95, color=colour, marker=marker, markersize=5, linewidth=1.6, label=f"{kind}, p95")
        limit = (POST_SECONDS + measured[0].round_trip) * 1000
        label = f"agreed limit: p95 of POST below {POST_SECONDS * 1000:g} ms and the round trip"
        axes.axhline(limit, color=_LIMIT, linewidth=1.4, linestyle=(0, (4, 2)), label=label)
        if measured[-1].broken:
            rate = measured[-1].rate
            axes.axvline(rate, color=_LIMIT, linewidth=1, linestyle=":", label=f"breaks at {rate:g} a second")
        axes.set_xscale("log")
        axes.set_xticks([each.rate for each in measured], [f"{each.rate:g}" for each in measured])
        axes.set_xlabel("requested rate, requests a second")
        frame(axes, title, "ms")
        axes.legend(frameon=False, fontsize=9, loc="upper left")
        save(figure, path)


def _knee(measured: Sequence[Step]) -> float:
    """The highest rate that holds, or the lowest one if none does."""
    return max([each.rate for each in measured if not each.broken], default=measured[0].rate)


def _measure(
    plan: dict[str, Any],
    rates: Sequence[float],
    seconds: int,
    round_trip: float,
    folder: Path,
    stack: Stack | None,
) -> tuple[list[Step], list[Cost]]:
    """Load at rising rates until one breaks a limit; with a stack also what each request costs."""
    measured, costs = list[Step](), list[Cost]()
    for rate in rates:
        settle = steps.SETTLE_SECONDS + (0 if measured else steps.WARM_SECONDS)
        before = cpu_seconds(stack) if stack else {}
        with step(f"{rate:g} requests a second for {seconds} s"):
            received = responses(plan | {"settle": settle}, rate, seconds, folder / "locust.log")
        measured.append(summarise(rate, *received, round_trip))
        if stack:
            costs.append(cost(rate, rate * (settle + seconds), before, cpu_seconds(stack)))
        if measured[-1].broken:
            break
    return measured, costs


def run(target: str, rates: Sequence[float] = RATES, seconds: int = 20, gate: float | None = None) -> int:
    """Load the API as five customers at rising rates until one breaks a limit; write steps, table and plot.

    Returns the exit status, 1 if the gate, the last of the rates, does not hold; UserError if Locust failed.
    """
    rates = up_to_gate(rates, gate)
    require_time(rates, seconds)
    platform = platform_of(target)
    folder = result_folder(target)
    # Only the embedded engine's processor time can be separated from the functions'.
    stack = stacks.require() if target == "local" else None
    embedded = stack if stack and stack.engine == MiniStack.name else None
    with customers(platform, CUSTOMERS) as found:
        round_trip = _round_trip(platform.api_url)
        plan = {"api_url": platform.api_url, "paths": steps.PATHS, "customers": found}
        measured, costs = _measure(plan, rates, seconds, round_trip, folder, embedded)
        alone = ""
        if embedded and not gate:
            # What the last rate left behind is not the engine's.
            wait_idle(platform.aws.sqs, platform.outputs["queue_names"].values(), _DRAINED_SECONDS)
            with empty_loop(embedded) as paths:
                others = [rate for rate in rates if rate >= _knee(measured)]
                empty = _measure(plan | {"paths": paths}, others, seconds, round_trip, folder, embedded)
            alone = report(measured, costs, *empty)
    figures = [each._asdict() | {"broken": each.broken} for each in measured]
    (folder / "steps.json").write_text(json.dumps(figures, indent=1) + "\n")
    text = markdown(measured, f"{target} under load: {machine()}; round trip {round_trip * 1000:.0f} ms") + alone
    (folder / "table.md").write_text(text)
    plot(measured, f"{target}: latency against rate", folder / "latency.svg")
    console.print(Markdown(text))
    console.print(f"The plot is {display_path(folder / 'latency.svg')}, the table {display_path(folder / 'table.md')}")
    failed = failures(measured, gate) if gate else []
    if gate:
        verdict = "[red]fails[/]: " + "; ".join(failed) if failed else "[green]holds[/]"
        console.print(f"The gate of {gate:g} requests a second {verdict}", soft_wrap=True)
    return int(bool(failed))
