"""Figures of ours compared with baselines of the same rounds, as one table, one plot and JSON."""

import io
import json
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import psutil
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

_HEADINGS = ("part", "what", "ours", "vs", "baseline", "ratio: median (range)", "limit", "")
_COLOURS = {"kept": "#1a7f37", "missed": "#cf222e"}
_GREY, _FAINT = "#57606a", "#d0d7de"
_STYLE: dict[Any, Any] = {"svg.hashsalt": "bench", "font.size": 9, "axes.edgecolor": _FAINT}
# Larger ratios are plotted at the edge, with their figure.
_EDGE = 4.0


class Row(NamedTuple):
    """A row of the table.

    Args:
        part: Part of the bench that measured it.
        what: What was measured.
        unit: Unit of both figures, such as s, 1/s or USD.
        ours: Our figure of each round.
        vs: What the baseline is; empty without a baseline.
        baseline: The baseline's figure of each round; empty without a baseline.
        limit: Limit of the ratio, or of our figure without a baseline; None if the row is only reported.
        at_least: Whether the limit is to be reached, instead of not to be exceeded.
        note: What the reader must know.
    """

    part: str
    what: str
    unit: str
    ours: tuple[float, ...]
    vs: str = ""
    baseline: tuple[float, ...] = ()
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def judged(self) -> tuple[float, ...]:
        """What the limit applies to: the ratio of each round, or our figures if there is no baseline."""
        return tuple(a / b for a, b in zip(self.ours, self.baseline, strict=True)) if self.baseline else self.ours

    @property
    def median(self) -> float:
        """Median of what is judged."""
        return statistics.median(self.judged)

    @property
    def verdict(self) -> str:
        """`kept`, `missed`, or empty without a limit."""
        if self.limit is None:
            return ""
        return "kept" if (self.median >= self.limit if self.at_least else self.median <= self.limit) else "missed"


# A part takes the number of rounds and yields its rows.
Part = Callable[[int], Iterator[Row]]


def text(value: float, unit: str) -> str:
    """A figure of at least three digits, such as 12.3 ms."""
    return EngFormatter("s")(float(f"{value:.3g}")) if unit == "s" else f"{value:,.4g} {unit}"


def interleave[T](
    ours: Callable[[], T], baseline: Callable[[], T], times: int, warm: int = 1
) -> tuple[list[T], list[T]]:
    """Measure both sides alternately, so that whatever slows the machine slows both.

    Returns:
        The figures of each side, without those of the warm-up that comes first.
    """
    figures: tuple[list[T], list[T]] = ([], [])
    for number in range(-warm, times):
        # The side that goes second finds caches as the first has left them, so each goes second every other time.
        sides = list(zip(figures, (ours, baseline), strict=True))
        for taken, measure in sides if number % 2 else reversed(sides):
            taken.append(measure())
    return figures[0][warm:], figures[1][warm:]


def machine() -> str:
    """This machine and the current time, for the line above a table."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}, {psutil.cpu_count()} cores {platform.machine()}, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}, Python {platform.python_version()}"
    )


def _cells(row: Row) -> tuple[str, ...]:
    baseline = text(statistics.median(row.baseline), row.unit) if row.baseline else ""
    ratio = f"{row.median:.2f} ({min(row.judged):.2f} to {max(row.judged):.2f})" if row.baseline else ""
    limit = ""
    if row.limit is not None:
        limit = "at least " if row.at_least else "at most "
        limit += f"{row.limit:g} ×" if row.baseline else text(row.limit, row.unit)
    return (
        *(row.part, row.what, text(statistics.median(row.ours), row.unit)),
        *(row.vs, baseline, ratio, limit, row.verdict),
    )


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table with their notes below."""
    lines = [f"Measured {machine()}.", "", f"| {' | '.join(_HEADINGS)} |", "|---" * len(_HEADINGS) + "|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    notes = [f"- {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def plot(rows: Sequence[Row]) -> str:
    """The ratios as an SVG document, a dot for each round and a bar for the limit; rows without either are left out."""
    shown = [row for row in rows if row.baseline and row.limit is not None]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 0.28 * len(shown) + 0.9), layout="constrained")
        axes = figure.subplots()
        for height, row in enumerate(shown):
            ratios, limit = [min(ratio, _EDGE) for ratio in row.judged], min(row.limit or 0, _EDGE)
            axes.scatter(ratios, [height] * len(ratios), s=22, color=_COLOURS[row.verdict], alpha=0.7, linewidths=0)
            axes.plot([limit] * 2, [height - 0.36, height + 0.36], color=_GREY, linewidth=2.2)
            if max(row.judged) > _EDGE:
                axes.text(_EDGE * 1.015, height, f"to {max(row.judged):.1f}", fontsize=8, va="center")
        axes.axvline(1, color=_GREY, linewidth=0.8, linestyle=(0, (4, 2)))
        axes.set_xlim(0, _EDGE * 1.08)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_yticks(range(len(shown)), [row.what for row in shown])
        axes.set_xlabel("ratio to the baseline of the same round (1: equally fast); the bar is the limit")
        axes.grid(axis="x", color=_FAINT, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        written = io.StringIO()
        figure.savefig(written, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write results.json, table.md and ratios.svg into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "rows": [row._asdict() for row in rows]}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "table.md").write_text(markdown(rows))
    if any(row.baseline and row.limit is not None for row in rows):
        (folder / "ratios.svg").write_text(plot(rows))
