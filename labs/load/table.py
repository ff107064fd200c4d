"""The steps of a load test as a table, for a terminal and for a document."""

from collections.abc import Sequence

from rich.table import Table

from labs.load.steps import Kind, Step

HEADS = (
    "requests a second",
    "reached",
    "orders a second",
    "POST p50",
    "p95",
    "p99",
    "GET p95",
    "list p95",
    "errors",
    "late",
    "",
)


def cells(step: Step) -> tuple[str, ...]:
    """A step as it is shown."""
    post = step.times.get("POST order")
    shown = [_ms(seconds) for seconds in (post.p50, post.p95, post.p99)] if post else ["", "", ""]
    return (
        f"{step.rate:g}",
        f"{step.reached:.1f}",
        f"{step.orders:.1f}",
        *shown,
        _p95(step, "GET order"),
        _p95(step, "GET list"),
        f"{step.error_share:.1%}",
        f"{step.late_share:.0%}" if step.looked else "",
        "breaks" if step.broken else "holds",
    )


def _p95(step: Step, kind: Kind) -> str:
    return _ms(step.times[kind].p95) if kind in step.times else ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def table(steps: Sequence[Step], title: str) -> Table:
    """The steps for a terminal."""
    drawn = Table(*HEADS, title=title)
    for step in steps:
        drawn.add_row(*cells(step))
    return drawn


def markdown(steps: Sequence[Step], title: str) -> str:
    """The steps as a table of Markdown, with what breaks below it."""
    lines = [f"{title}.", "", f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    lines += [f"| {' | '.join(cells(step))} |" for step in steps]
    broken = [f"- at {step.rate:g}: {why}" for step in steps for why in step.broken]
    return "\n".join([*lines, *([""] if broken else []), *broken]) + "\n"
