"""`python -m labs.chaos`: faults on the stack in STACK_DIR, and what the auditor finds."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from labs.chaos.auditor import table
from labs.chaos.runs import OUTAGES, Result, Runs
from localstack import engines
from localstack.stack import ADVICE
from localstack.up import console
from tooling.cli import run_cli

_SEEDS = (11, 23, 47)
_ORDERS = 1_000
_FEW = 6
_SHORT = 15
_STEADY_SECONDS = 600


def _all(runs: Runs, arguments: argparse.Namespace) -> Iterator[Callable[[], Result]]:
    if arguments.short:
        yield partial(runs.random, _SEEDS[0], _SHORT)
        return
    if arguments.load:
        yield partial(runs.burst, arguments.orders)
        yield partial(runs.steady, _STEADY_SECONDS)
        return
    if not arguments.seed:
        yield runs.kills
        for name in OUTAGES:
            yield partial(runs.outage, name, _FEW)
        yield partial(runs.poison, 10 * _FEW)
        yield partial(runs.restart, 10 * _FEW)
    for seed in arguments.seed or _SEEDS:
        yield partial(runs.random, seed, arguments.orders)


def chaos() -> int:
    """Run, and print a table for each run; the exit status is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="only random faults, of this seed: a run again")
    parser.add_argument("--orders", type=int, default=_ORDERS, help="orders in a burst, or under random faults")
    parser.add_argument("--load", action="store_true", help="a burst and ten steady minutes, no faults")
    parser.add_argument("--short", action="store_true", help=f"{_SHORT} orders under random faults, and no more")
    arguments = parser.parse_args()
    broken = 0
    with Runs(engines.require(), arguments.short) as runs:
        for run in _all(runs, arguments):
            began = time.monotonic()
            result = run()
            broken += not result.kept
            console.print(table(result.title, result.findings))
            console.print(f"faults: {dict(sorted(result.faults.items()))}, redriven: {result.redriven}")
            verdict = "every promise kept" if result.kept else "[red]broken[/]"
            console.print(f"{verdict}, {time.monotonic() - began:.0f} s\n")
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(run_cli(chaos, ADVICE))
