"""`python -m labs.bench`: the parts one after the other, the table, and what it was drawn from."""

import argparse
import sys

from labs.bench import api, burst, cost, harness, init, invoice, listing, memory, numbers, packages, report, suite
from labs.bench.rows import Part, Row
from localstack.stack import ADVICE
from localstack.up import console, shown, step
from tooling.cli import run_cli
from tooling.paths import ROOT

FOLDER = ROOT / "build" / "bench"
PARTS: dict[str, Part] = {
    "init": init.measure,
    "packages": packages.measure,
    "invoice": invoice.measure,
    "api": api.measure,
    "numbers": numbers.measure,
    "cost": cost.measure,
    "burst": burst.measure,
    "memory": memory.measure,
    "harness": harness.measure,
    # Last on this stack: its hundred thousand orders stay in the engine's memory.
    "list": listing.measure,
    "test": suite.measure,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m labs.bench")
    parser.add_argument("--part", action="append", choices=sorted(PARTS), help="only this one; again for another")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 21), metavar="1..20", help="of each part")
    return parser.parse_args()


def bench() -> None:
    """Measure, and write what was measured.

    Raises:
        StackError: a part could not measure; the text says why.
    """
    arguments = _arguments()
    rows: list[Row] = []
    try:
        for name in arguments.part or PARTS:
            with step(f"bench {name}"):
                rows += PARTS[name](arguments.rounds)
    finally:
        if rows:
            report.write(rows, FOLDER)
            console.print(report.table(rows))
    files = ", ".join(shown(FOLDER / name) for name in ("table.md", "ratios.svg", "results.json"))
    console.print(f"written: {files}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(run_cli(bench, ADVICE))
