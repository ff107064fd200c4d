"""Measures the parts of the bench one after another on the stack in STACK_DIR, and writes the table."""

import traceback
from collections.abc import Sequence

from rich.markdown import Markdown

from labs.bench import api, at_once, burst, cost, invoice, long_invoices, numbers, report, starts, waits
from labs.bench.report import Part, Row
from localstack.up import console, display_path, step
from tooling.cli import UserError
from tooling.paths import ROOT

FOLDER = ROOT / "build" / "bench"
PARTS: dict[str, Part] = {
    "starts": starts.measure,
    "invoice": invoice.measure,
    "api": api.measure,
    "numbers": numbers.measure,
    "cost": cost.measure,
    "burst": burst.measure,
    "limits": at_once.measure,
    # After others on this stack: its 100,000 orders stay in the engine's memory.
    "list": api.measure_list,
    "long": long_invoices.measure,
    "waits": waits.measure,
    "tests": waits.measure_tests,
}
# Measured only if it is named: a round takes nine minutes.
_ONLY_NAMED = {"tests"}


def run(parts: Sequence[str], rounds: int) -> None:
    """Measure parts, all but `tests` if none are named, print the table and write it into build/bench.

    A part that cannot be measured does not keep the others from being measured.

    Raises UserError: A part could not be measured; the text says why.
    """
    rows, failed = list[Row](), list[str]()
    for name in parts or [part for part in PARTS if part not in _ONLY_NAMED]:
        try:
            with step(f"bench {name}"):
                rows.extend(PARTS[name](rounds))
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{name} was not measured: {error or type(error).__name__}")
        finally:
            if rows:
                report.write(rows, FOLDER)
    if rows:
        console.print(Markdown(report.markdown(rows)))
        console.print(f"table.md, ratios.svg and results.json are in {display_path(FOLDER)}", soft_wrap=True)
    if failed:
        raise UserError("; ".join(failed))
