"""The steps of a load test as a Markdown table and as a plot of latency against rate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from labs.bench.report import page
from labs.load.steps import KINDS, POST_SECONDS, Kind, Step

_HEADINGS = (
    *("requests a second", "reached", "POST p50", "POST p95", "POST p99"),
    *("GET p95", "list p95", "errors", "late", ""),
)
_INK, _FAINT, _LIMIT = "#1b1f24", "#c8ccd1", "#b3261e"
# Distinguishable without colour by their markers.
_LOOKS: Final = {"POST order": ("#0b4884", "o"), "GET order": ("#2e7d32", "s"), "GET list": ("#b26a00", "^")}
_COLOURS = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
_STYLE: dict[Any, Any] = dict.fromkeys(_COLOURS, _INK)
_STYLE |= {"svg.hashsalt": "load", "font.size": 10, "axes.edgecolor": _FAINT}


def _cells(step: Step) -> tuple[str, ...]:
    def ms(kind: Kind, name: str) -> str:
        return f"{getattr(step.times[kind], name) * 1000:.0f} ms" if kind in step.times else ""

    return (
        *(f"{step.rate:g}", f"{step.reached:.1f}"),
        *(ms("POST order", name) for name in ("p50", "p95", "p99")),
        *(ms("GET order", "p95"), ms("GET list", "p95"), f"{step.error_share:.1%}"),
        *(f"{step.late_share:.0%}" if step.due else "", "breaks" if step.broken else "holds"),
    )


def markdown(steps: Sequence[Step], title: str) -> str:
    """The steps as a Markdown table, with the broken limits below."""
    broken = [f"- at {step.rate:g}: {why}" for step in steps for why in step.broken]
    return page(title, _HEADINGS, map(_cells, steps), broken)


def plot(steps: Sequence[Step], title: str, path: Path) -> None:
    """Plot p95 of each kind of request against the rate, and p50 to p99 of POST as a band; the suffix is the format."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 4.8), layout="constrained")
        axes = figure.subplots()
        for kind in KINDS:
            shown = [step for step in steps if kind in step.times]
            rates, (colour, marker) = [step.rate for step in shown], _LOOKS[kind]
            p50, p95, p99 = ([step.times[kind][place] * 1000 for step in shown] for place in (1, 2, 3))
            if kind == "POST order":
                axes.fill_between(rates, p50, p99, color=colour, alpha=0.15, linewidth=0, label=f"{kind}, p50 to p99")
            axes.plot(rates, p95, color=colour, marker=marker, markersize=5, linewidth=1.6, label=f"{kind}, p95")
        limit = (POST_SECONDS + steps[0].round_trip) * 1000
        label = f"agreed limit: p95 of POST below {POST_SECONDS * 1000:g} ms and the round trip"
        axes.axhline(limit, color=_LIMIT, linewidth=1.4, linestyle=(0, (4, 2)), label=label)
        if steps[-1].broken:
            rate = steps[-1].rate
            axes.axvline(rate, color=_LIMIT, linewidth=1, linestyle=":", label=f"breaks at {rate:g} a second")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks([step.rate for step in steps], [f"{step.rate:g}" for step in steps])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(mpl.ticker.LogLocator(base=10, subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
        axes.set_xlabel("requested rate, requests a second")
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        axes.grid(color=_FAINT, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9, loc="upper left")
        # Without the date, so the same steps give the same file.
        figure.savefig(path, facecolor="white", metadata={"Date": None} if path.suffix == ".svg" else None)
