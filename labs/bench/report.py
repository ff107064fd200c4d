"""Figures of ours compared with baselines of the same rounds, as one table, one plot and JSON."""

from __future__ import annotations

import io
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from tooling.agreed_limits import percentile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADINGS = ("part", "what", "ours", "vs", "baseline", "ratio: median (range)", "limit", "")
_COLOURS = {"kept": "#1a7f37", "missed": "#cf222e"}
_GREY, FAINT = "#57606a", "#d0d7de"
_STYLE: dict[Any, Any] = {"svg.hashsalt": "bench", "font.size": 9, "axes.edgecolor": FAINT}
# Larger ratios are plotted at the edge, with their figure.
_EDGE = 4.0


class Row(NamedTuple):
    """Our figure of each round in a unit such as s, 1/s or USD, and that of the baseline if there is one.

    The limit applies to the ratio, or to our figure without a baseline; with `at_least` it is to be reached.
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
    from matplotlib.ticker import EngFormatter

    return EngFormatter("s")(float(f"{value:.3g}")) if unit == "s" else f"{value:,.4g} {unit}"


def interleave[T](
    ours: Callable[[], T], baseline: Callable[[], T], times: int, warm: int = 1
) -> tuple[list[T], list[T]]:
    """Measure both sides alternately, so that whatever slows the machine slows both; a warm-up does not count."""
    figures: tuple[list[T], list[T]] = ([], [])
    for number in range(-warm, times):
        # The side that goes second finds caches as the first has left them, so each goes second every other time.
        sides = list(zip(figures, (ours, baseline), strict=True))
        for taken, measure in sides if number % 2 else reversed(sides):
            taken.append(measure())
    return figures[0][warm:], figures[1][warm:]


Sides = list[tuple[list[float], list[float]]]


def measure_rounds(
    rounds: int, ours: Callable[[], float], baseline: Callable[[], float], times: int, warm: int = 1
) -> Sides:
    """Seconds of each round, ours and the baseline's."""
    return [interleave(ours, baseline, times, warm) for _ in range(rounds)]


def row(part: str, what: str, sides: Sides, vs: str, limit: float | None, share: float = 0.5, note: str = "") -> Row:
    """A row with a percentile of each round's seconds."""
    ours, baseline = (tuple(percentile(side, share) for side in each) for each in zip(*sides, strict=True))
    return Row(part, what, "s", ours, vs, baseline, limit, note=note)


def seconds(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


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
    notes = [f"- {row.what}: {row.note}" for row in rows if row.note]
    return page(f"Measured {machine()}", _HEADINGS, map(_cells, rows), notes)


def table(headings: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in rows)]) + "\n"


def page(title: str, headings: Sequence[str], rows: Iterable[Iterable[str]], notes: Sequence[str]) -> str:
    """A title, a Markdown table, and notes below."""
    return "\n".join([f"{title}.", "", table(headings, rows), *notes]) + ("\n" if notes else "")


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """A figure in the style of our plots, which it has only in this context; width and height are in inches."""
    # Imported late, here and below: it takes half a second, and most of what imports this module plots nothing.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def plot(rows: Sequence[Row]) -> str:
    """The ratios as an SVG document, a dot for each round and a bar for the limit; rows without either are left out."""
    shown = [row for row in rows if row.baseline and row.limit is not None]
    with new_figure(9.6, 0.28 * len(shown) + 0.9) as figure:
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
        axes.grid(axis="x", color=FAINT, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        written = io.StringIO()
        figure.savefig(written, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def frame(axes: Axes, title: str, unit: str) -> None:
    """What our plots with a logarithmic axis of figures have in common: ticks with the unit, title, grid, no frame."""
    from matplotlib.ticker import LogLocator

    axes.set_yscale("log")
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} {unit}")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.grid(color=FAINT, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write a plot; the suffix is the format. It has no date, so the same figures give the same file."""
    figure.savefig(path, facecolor="white", metadata={"Date": None} if path.suffix == ".svg" else None)


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write results.json, table.md and ratios.svg into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "rows": [row._asdict() for row in rows]}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "table.md").write_text(markdown(rows))
    if any(row.baseline and row.limit is not None for row in rows):
        (folder / "ratios.svg").write_text(plot(rows))
