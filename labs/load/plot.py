"""Latency against rate as a plot: readable on a white page, in a document as in a terminal's viewer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from labs.load.steps import KINDS, POST_SECONDS, Kind, Step

_INK, _FAINT, _LIMIT = "#1b1f24", "#c8ccd1", "#b3261e"
# Told apart without colour too: by their markers.
_LOOKS: Final[dict[Kind, tuple[str, str]]] = {
    "POST order": ("#0b4884", "o"),
    "GET order": ("#2e7d32", "s"),
    "GET list": ("#b26a00", "^"),
}
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "load",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def draw(steps: Sequence[Step], title: str, path: Path) -> None:
    """Draw p95 of each kind of request against the rate that was asked for, and p50 to p99 of POST as a band.

    Args:
        steps: at least one, in the order of their rates.
        title: what was loaded.
        path: file to write; its suffix is the format, such as .svg or .png.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 4.8), layout="constrained")
        axes = figure.subplots()
        _times(axes, steps)
        _axes(axes, steps, title)
        # Without the moment, so that the same steps are the same file.
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, facecolor="white", dpi=120, metadata=metadata)


def _times(axes: mpl.axes.Axes, steps: Sequence[Step]) -> None:
    for kind in KINDS:
        shown = [step for step in steps if kind in step.times]
        rates = [step.rate for step in shown]
        times = [step.times[kind] for step in shown]
        colour, marker = _LOOKS[kind]
        if kind == "POST order":
            low, high = [each.p50 * 1000 for each in times], [each.p99 * 1000 for each in times]
            axes.fill_between(rates, low, high, color=colour, alpha=0.15, linewidth=0, label=f"{kind}, p50 to p99")
        p95 = [each.p95 * 1000 for each in times]
        axes.plot(rates, p95, color=colour, marker=marker, markersize=5, linewidth=1.6, label=f"{kind}, p95")


def _axes(axes: mpl.axes.Axes, steps: Sequence[Step], title: str) -> None:
    axes.axhline(
        (POST_SECONDS + steps[0].way) * 1000,
        color=_LIMIT,
        linewidth=1.4,
        linestyle=(0, (4, 2)),
        label=f"R8: p95 of POST below {POST_SECONDS * 1000:g} ms and the way",
    )
    last = steps[-1]
    if last.broken:
        axes.axvline(last.rate, color=_LIMIT, linewidth=1, linestyle=":", label=f"breaks at {last.rate:g} a second")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([step.rate for step in steps], [f"{step.rate:g}" for step in steps])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(base=10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
    axes.set_xlabel("requests a second that were asked for")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.grid(color=_FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
