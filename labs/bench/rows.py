"""A measured figure of ours compared with a baseline that was measured in the same rounds."""

import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

from matplotlib.ticker import EngFormatter


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
