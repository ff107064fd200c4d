"""What was measured beside what: a figure of ours and one of its floor in each round, and their ratio."""

import statistics
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

Unit = Literal["s", "1/s", "bytes", "calls", "reads", "modules", "USD"]

_SCALES: Final[dict[Unit, tuple[tuple[float, str, float], ...]]] = {
    "s": ((1.0, "s", 1), (1e-3, "ms", 1e3), (0.0, "µs", 1e6)),
    "bytes": ((1e9, "GB", 1e-9), (1e6, "MB", 1e-6), (1e3, "kB", 1e-3), (0.0, "bytes", 1)),
}


class Row(NamedTuple):
    """A line of the table.

    Args:
        part: of the bench that measured it.
        what: was measured.
        unit: of both figures.
        ours: one figure a round.
        beside: what the floor or the naive peer is; empty for a figure that stands alone.
        floor: its figure of each of the same rounds; empty for a figure that stands alone.
        limit: of the ratio, or of a figure that stands alone; None for one that is only reported.
        at_least: whether the limit is to be reached, and not to be kept.
        note: what the reader must know of it.
    """

    part: str
    what: str
    unit: Unit
    ours: tuple[float, ...]
    beside: str = ""
    floor: tuple[float, ...] = ()
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def judged(self) -> tuple[float, ...]:
        """What the limit is of: the ratio of each round, or each figure that stands alone."""
        if not self.floor:
            return self.ours
        return tuple(ours / floor for ours, floor in zip(self.ours, self.floor, strict=True))

    @property
    def median(self) -> float:
        """The median of what is judged."""
        return statistics.median(self.judged)

    @property
    def kept(self) -> bool | None:
        """Whether the median is within the limit; None if there is none."""
        if self.limit is None:
            return None
        return self.median >= self.limit if self.at_least else self.median <= self.limit


# A part is asked for its rows with the number of rounds, and gives each as soon as it is measured.
Part = Callable[[int], Iterator[Row]]


def shown(value: float, unit: Unit) -> str:
    """A figure for people, in the unit that suits its size."""
    for least, name, factor in _SCALES.get(unit, ()):
        if abs(value) >= least:
            return f"{value * factor:.3g} {name}"
    return f"{value:,.4g} {unit}" if unit != "USD" else f"USD {value:,.2f}"
