"""Invoices of a warm process beside WeasyPrint as its documentation shows it, and the memory that they leave."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

from labs.bench.rows import Row
from localstack.stack import StackError
from tooling.paths import ROOT

# Lines of an order: how often each side draws it in a round, and the most that ours may take of the other's time.
LINES: Final = {10: (20, 0.8), 100: (8, 1.05), 1_000: (2, 1.05)}
MORE = 200
_DEADLINE_SECONDS = 300


def drawn(*arguments: object) -> Any:
    """What `labs.bench.drawing` prints in a process of its own.

    Raises:
        StackError: it failed, or was not done in time; the text ends with the interpreter's own.
    """
    command = [sys.executable, "-m", "labs.bench.drawing", *map(str, arguments)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        raise StackError(f"invoices not drawn in {_DEADLINE_SECONDS} s: see what else the machine does") from None
    if done.returncode:
        raise StackError(f"invoices were not drawn; `make preview ONCE=1` tries them:\n{done.stderr}")
    return json.loads(done.stdout)


def _row(lines: int, times: int, limit: float, found: list[tuple[list[list[float]], list[list[float]]]]) -> Row:
    """The row of what `drawing` found: of each round and side, seconds on the clock and of processor time."""
    medians = [[[statistics.median(kind) for kind in zip(*side, strict=True)] for side in sides] for sides in found]
    processor = statistics.median(ours[1] / naive[1] for ours, naive in medians)
    return Row(
        "invoice",
        f"invoice of {lines:,} lines, warm",
        "s",
        ours=tuple(ours[0] for ours, _ in medians),
        beside="WeasyPrint, style in the one string",
        floor=tuple(naive[0] for _, naive in medians),
        limit=limit,
        note=f"the same HTML as the same variant of PDF, in turn in one process, {times} each a round; "
        f"of processor time {processor:.2f} ×",
    )


def measure(rounds: int) -> Iterator[Row]:
    """Seconds of an invoice of 10, 100 and 1,000 lines, and what 200 leave in memory.

    Raises:
        StackError: an invoice could not be drawn.
    """
    for lines, (times, limit) in LINES.items():
        yield _row(lines, times, limit, [drawn("times", lines, times) for _ in range(rounds)])
    sizes = [drawn("memory", MORE) for _ in range(rounds)]
    yield Row(
        "invoice",
        f"memory after {MORE} more invoices",
        "bytes",
        ours=tuple(float(after) for _, after in sizes),
        beside="after the first 20",
        floor=tuple(float(before) for before, _ in sizes),
        limit=1.05,
    )
