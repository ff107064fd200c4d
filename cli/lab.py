"""`bin/ops lab`: measurements, load, faults, a rehearsal of releases, and the tables of docs/scale.md.

Labs are imported when they are called: they need libraries that only the tests' environment has.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer

from localstack import stack as stacks
from localstack.up import down, up
from tooling.paths import ROOT

app = typer.Typer(help="Experiments: measurements, load, faults, a rehearsal of releases.", no_args_is_help=True)


@contextmanager
def _own_stack(folder: str, faults: bool = False) -> Iterator[None]:
    """Bring up a new stack on free ports in a folder below build/, and take it down at the end."""
    os.environ["STACK_DIR"] = str(ROOT / "build" / folder)
    down()
    shutil.rmtree(ROOT / "build" / folder / "mail", ignore_errors=True)
    try:
        up(stacks.load(), None, free_ports=True, faults=faults)
        yield
    finally:
        down()


@app.command()
def bench(
    part: Annotated[list[str] | None, typer.Option(help="Only this part, such as api; repeatable.")] = None,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Rounds of each part.")] = 3,
) -> None:
    """Measure cold starts, API, list, invoices and cost against baselines, on a separate stack."""
    from labs.bench import run as benches

    unknown = sorted({*(part or ())} - {*benches.PARTS})
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is not one of {', '.join(benches.PARTS)}", param_hint="--part")
    with _own_stack("bench/stack"):
        benches.run(part or (), rounds)


@app.command()
def engines(
    engine: Annotated[
        Literal["embedded", "localstack-host"] | None, typer.Option(help="Only this engine, not both.")
    ] = None,
) -> None:
    """Measure the local engines side by side: start, orders, memory."""
    from labs import engines as side_by_side

    side_by_side.run([engine] if engine else ["embedded", "localstack-host"])


@app.command()
def chaos(
    seed: Annotated[list[int] | None, typer.Option(help="Only random faults, of this seed; repeatable.")] = None,
    orders: Annotated[int, typer.Option(min=1, help="Orders in a burst, or under random faults.")] = 1_000,
    load: Annotated[bool, typer.Option("--load", help="A burst and ten steady minutes, no faults.")] = False,
    short: Annotated[bool, typer.Option("--short", help="A few orders, on a stack up with --faults.")] = False,
) -> None:
    """Check the promises under faults, kills and restarts, on a separate stack."""
    from labs.chaos import run as chaoses

    if short:
        raise typer.Exit(chaoses.run(short=True))
    with _own_stack("chaos", faults=True):
        raise typer.Exit(chaoses.run(seeds=seed or (), orders=orders, load=load))


@app.command()
def load(
    target: Annotated[str, typer.Option(help="Environment to load, which gets orders: local, dev or sit.")],
    rates: Annotated[str | None, typer.Option(help="Requests a second, rising, such as 2,5,10.")] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Seconds to measure each rate.")] = 20,
    gate: Annotated[float | None, typer.Option(help="One of the rates: the last one, and it must hold.")] = None,
    soak: Annotated[int | None, typer.Option(help="Hold the first rate so many minutes: nothing may grow.")] = None,
) -> None:
    """Load the API at rising rates until it breaks, and plot latency against rate."""
    from labs.load import run as loads
    from labs.load import soak as soaks

    if soak is not None:
        if target != "local":
            raise typer.BadParameter("only the local stack's memory can be read", param_hint="--target")
        raise typer.Exit(soaks.run(soak, loads.parse_rates(rates)[0] if rates else loads.RATES[0]))
    chosen = loads.parse_rates(rates) if rates else loads.RATES
    raise typer.Exit(loads.run(target, chosen, seconds, gate))


@app.command()
def rehearse() -> None:
    """Run GitHub's workflows here: three accounts, approvals, a bad release, rollbacks, a lost region."""
    from labs.rehearsal import run as rehearsals

    rehearsals.rehearse()


@app.command()
def scale() -> None:
    """Print the tables of docs/scale.md: how counter, partitions and quotas behave under far more load."""
    from labs import scale as scales

    for heading, table in scales.tables():
        print(f"{heading}\n\n{table}\n")
