"""The ratios as a plot: a dot is a round, the bar its row's limit."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from labs.bench.rows import Row

_KEPT, _MISSED, _LIMIT, _FAINT = "#1a7f37", "#cf222e", "#57606a", "#d0d7de"
_STYLE: dict[Any, Any] = {"svg.hashsalt": "bench", "font.size": 9, "axes.edgecolor": _FAINT}
_WIDTH, _ROW, _REST = 9.6, 0.28, 0.9
# Ratios beyond are drawn at the edge, with their figure.
_EDGE = 4.0


def ratios(rows: Sequence[Row]) -> str:
    """The rows that have a floor and a limit, as an SVG document on white.

    Args:
        rows: of a bench; at least one has a floor and a limit.
    """
    drawn = [row for row in rows if row.floor and row.limit is not None]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _ROW * len(drawn) + _REST), layout="constrained")
        axes = figure.subplots()
        for height, row in enumerate(drawn):
            _draw(axes, height, row)
        axes.axvline(1, color=_LIMIT, linewidth=0.8, linestyle=(0, (4, 2)))
        axes.set_xlim(0, _EDGE * 1.08)
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.set_yticks(range(len(drawn)), [row.what for row in drawn])
        axes.set_xlabel("ratio to the floor or peer of the same round (1: as fast); the bar is what is to be reached")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=_FAINT, linewidth=0.5)
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        written = io.StringIO()
        figure.savefig(written, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _draw(axes: mpl.axes.Axes, height: int, row: Row) -> None:
    colour = _KEPT if row.kept else _MISSED
    shown = [min(ratio, _EDGE) for ratio in row.judged]
    axes.scatter(shown, [height] * len(shown), s=22, color=colour, alpha=0.7, linewidths=0, zorder=3)
    limit = min(row.limit or 0, _EDGE)
    axes.plot([limit, limit], [height - 0.36, height + 0.36], color=_LIMIT, linewidth=2.2, solid_capstyle="butt")
    if max(row.judged) > _EDGE:
        axes.text(_EDGE * 1.015, height, f"to {max(row.judged):.1f}", fontsize=8, va="center")
