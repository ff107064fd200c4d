"""The rows as a table, for the terminal and for docs/performance.md, and as JSON."""

import json
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from labs.bench import plots
from labs.bench.rows import Row, shown

_HEADS = ("part", "what", "ours", "beside", "floor", "ratio: median (least to most)", "to reach", "")


def machine() -> str:
    """The machine and the moment, for the line above a table."""
    memory = psutil.virtual_memory().total / 2**30
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{now}, {psutil.cpu_count()} cores {platform.machine()}, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def _ratio(row: Row) -> str:
    if not row.floor:
        return ""
    spread = f" ({min(row.judged):.2f} to {max(row.judged):.2f})" if len(row.judged) > 1 else ""
    return f"{row.median:.2f}{spread}"


def _limit(row: Row) -> str:
    if row.limit is None:
        return ""
    figure = f"{row.limit:g} ×" if row.floor else shown(row.limit, row.unit)
    return f"{'at least' if row.at_least else 'at most'} {figure}"


def cells(row: Row) -> tuple[str, ...]:
    """A row as it is shown."""
    floor = shown(statistics.median(row.floor), row.unit) if row.floor else ""
    verdict = {True: "kept", False: "missed", None: ""}[row.kept]
    ours = shown(statistics.median(row.ours), row.unit)
    return (row.part, row.what, ours, row.beside, floor, _ratio(row), _limit(row), verdict)


def table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal."""
    drawn = Table(*_HEADS, title=f"Bench: {machine()}")
    for row in rows:
        *figures, verdict = cells(row)
        colour = {"kept": "green", "missed": "red"}.get(verdict, "")
        drawn.add_row(*figures, f"[{colour}]{verdict}[/]" if colour else "")
    return drawn


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table of Markdown, with their notes below it."""
    lines = [f"Measured {machine()}.", "", f"| {' | '.join(_HEADS)} |", "|---" * len(_HEADS) + "|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    noted: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            noted.setdefault(row.note, []).append(row.what)
    notes = [f"- {'; '.join(whats)}: {note}" for note, whats in noted.items()]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write results.json, table.md and ratios.svg into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"machine": machine(), "rows": [row._asdict() for row in rows]}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "table.md").write_text(markdown(rows))
    if any(row.floor and row.limit is not None for row in rows):
        (folder / "ratios.svg").write_text(plots.ratios(rows))
