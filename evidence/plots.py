"""The times of orders as a plot: SVG that takes its colours from the page, so that it is readable in light and dark."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from tooling.agreed_limits import LIMITS, LOADS, STEPS, Load, Step, summarise

# Stand for the page's colours, and are replaced in the SVG.
_INK, _FAINT, _LIMIT = "#010203", "#040506", "#070809"
_DOTS: Mapping[Load, str] = {
    "one at a time": "#0a0b0c",
    "alongside other tests": "#0d0e0f",
    "100 concurrent orders": "#101112",
}
_COLOURS = {
    _INK: "currentColor",
    _FAINT: "var(--faint)",
    _LIMIT: "var(--limit)",
    _DOTS["one at a time"]: "var(--load-1)",
    _DOTS["alongside other tests"]: "var(--load-2)",
    _DOTS["100 concurrent orders"]: "var(--load-3)",
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "evidence",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
# The right end of the axis, at the most, in limits.
_EDGE = 3
_WIDTH, _ROW, _REST = 9.6, 0.26, 0.72

Times = Mapping[Step, Mapping[Load, Sequence[float]]]


def strips(times: Times) -> str:
    """A strip of dots for each step and load: a dot is an order, the bar its p95, the broken line R8's limit.

    Args:
        times: in seconds; at least one step has some.

    Returns:
        An SVG element, without a name for screen readers: the page has the same in a table.
    """
    shown = [step for step in STEPS if any(times.get(step, {}).values())]
    rows = {step: [load for load in LOADS if times[step].get(load)] for step in shown}
    heights = [len(rows[step]) for step in shown]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, sum(_ROW * rows + _REST for rows in heights)), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.09)  # type: ignore[union-attr,call-arg]  # it is the constrained one
        grid = figure.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": [n + 1.1 for n in heights]})
        for axes, step in zip(grid[:, 0], shown, strict=True):
            _strip(axes, step, {load: times[step][load] for load in rows[step]})
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _of_the_page(written.getvalue())


def _strip(axes: mpl.axes.Axes, step: Step, times: Mapping[Load, Sequence[float]]) -> None:
    limit = LIMITS[step]
    longest = max(max(seconds) for seconds in times.values())
    # What is far over the limit would press all else against the left edge.
    edge = min(max(limit * 1.25, longest * 1.05), limit * _EDGE)
    for row, (load, seconds) in enumerate(times.items()):
        # Spread by the order they came in, and not at random: the same records are the same picture.
        shown = [(each, row + ((n * 7) % 11 - 5) / 22) for n, each in enumerate(seconds) if each <= edge]
        across, down = [each for each, _ in shown], [each for _, each in shown]
        axes.scatter(across, down, s=9, color=_DOTS[load], alpha=0.65, linewidths=0)
        beyond = len(seconds) - len(shown)
        if beyond:
            axes.scatter([edge], [row], s=34, marker=">", color=_DOTS[load], linewidths=0, clip_on=False, zorder=3)
            axes.text(edge * 1.012, row, f"{beyond} more, to {max(seconds):.1f} s", fontsize=8, va="center")
        p95 = summarise(step, seconds).p95
        if p95 <= edge:
            axes.plot([p95, p95], [row - 0.36, row + 0.36], color=_INK, linewidth=2.2, solid_capstyle="butt")
    axes.axvline(limit, color=_LIMIT, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.set_xlim(0, edge)
    axes.set_ylim(len(times) - 0.4, -0.6)
    axes.set_yticks(range(len(times)), [f"{load} (n = {len(seconds)})" for load, seconds in times.items()])
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", length=3, labelsize=8)
    axes.set_title(f"{step}: limit {limit:g} s", loc="left", fontsize=10, fontweight="bold")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="x", color=_FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def _of_the_page(svg: str) -> str:
    """The SVG element alone, in the page's colours and fonts, as wide as there is room."""
    svg = svg[svg.index("<svg") :]
    for colour, meant in _COLOURS.items():
        svg = svg.replace(colour, meant)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Matplotlib names the fonts that it knows; the page's is the reader's.
    svg = re.sub(r"font-family: [^;\"]*|(?<=px )'DejaVu Sans'[^;\"]*", "font-family: inherit", svg)
    head, rest = svg.split(">", 1)
    return re.sub(r' (?:width|height|version)="[^"]*"', "", head) + ' aria-hidden="true">' + rest
