"""`bin/ops lab`: measurements, load, faults, a rehearsal of releases, and the tables of docs/scale.md."""

import subprocess
import sys
from typing import Annotated, Literal

import typer

from cli.own_stack import own_stack
from tooling.paths import ROOT

app = typer.Typer(help="Experiments: measurements, load, faults, and a rehearsal of releases.", no_args_is_help=True)


def install(tool: str) -> None:
    """Install a tool that has a virtual environment of its own, if it is not there."""
    command = ["python3", str(ROOT / "tooling" / "machine.py"), "install", tool]
    if subprocess.run(command, check=False).returncode:
        raise typer.Exit(1)


def _run(module: str, *options: str, environment: dict[str, str] | None = None) -> None:
    """Run a lab in a process of its own, and end with its exit status."""
    command = [sys.executable, "-m", module, *options]
    raise typer.Exit(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)


@app.command()
def bench(
    part: Annotated[list[str] | None, typer.Option(help="Only this part; repeat it for another.")] = None,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Rounds of each part.")] = 3,
) -> None:
    """Measure cold starts, API, list, invoices, bursts and cost against their baselines, on a stack of its own."""
    options = [word for name in part or [] for word in ("--part", name)]
    with own_stack(ROOT / "build" / "bench" / "stack") as environment:
        _run("labs.bench", "--rounds", str(rounds), *options, environment=environment)


@app.command()
def chaos(
    seed: Annotated[list[int] | None, typer.Option(help="Only random faults, of this seed; repeatable.")] = None,
    orders: Annotated[int, typer.Option(min=1, help="Orders in a burst, or under random faults.")] = 1_000,
    load: Annotated[bool, typer.Option("--load", help="A burst and ten steady minutes, no faults.")] = False,
) -> None:
    """Check the promises under faults, kills and restarts, on a stack of its own."""
    options = [word for number in seed or [] for word in ("--seed", str(number))]
    with own_stack(ROOT / "build" / "chaos", "--faults") as environment:
        _run("labs.chaos", "--orders", str(orders), *options, *(["--load"] if load else []), environment=environment)


@app.command()
def load(
    target: Annotated[Literal["local", "dev", "sit"], typer.Option(help="Environment to load; it gets orders.")],
    rates: Annotated[str | None, typer.Option(help="Requests a second, rising, such as 2,5,10.")] = None,
    seconds: Annotated[int | None, typer.Option(help="Seconds to measure each rate.")] = None,
    gate: Annotated[float | None, typer.Option(help="One of the rates: the last one, and it must hold.")] = None,
) -> None:
    """Load the API at rising rates until it breaks, and plot latency against rate."""
    install("load")
    given = {"--rates": rates, "--seconds": seconds, "--gate": gate}
    options = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    _run("labs.load", "--target", target, *options)


@app.command()
def rehearse() -> None:
    """Rehearse the life of a release: three accounts, a bad release, rollbacks, a lost region."""
    _run("labs.rehearsal")


@app.command()
def scale() -> None:
    """Print the tables of docs/scale.md: what a load far above today's does to counter, partitions and quotas."""
    _run("labs.simulation")
