"""How soon orders came through, beside what R8 promises."""

import math
from collections.abc import Collection
from typing import Final, Literal, NamedTuple, get_args

Step = Literal["accepted", "recorded", "invoice", "internal mail", "customer mail"]
Load = Literal["one at a time", "beside other tests", "a hundred at once"]

STEPS: Final[tuple[Step, ...]] = get_args(Step)
LOADS: Final[tuple[Load, ...]] = get_args(Load)
# R8: p95 in seconds, from the moment that the customer asks.
LIMITS: Final[dict[Step, float]] = {
    "accepted": 0.3,
    "recorded": 2.0,
    "invoice": 5.0,
    "internal mail": 10.0,
    "customer mail": 10.0,
}
_JUDGED = 0.95
# Below this the largest of n is the nearest there is to p95.
_ENOUGH = 20


class Summary(NamedTuple):
    """What a number of times say; all in seconds.

    Args:
        n: how many there are.
        p50: half of them are no longer.
        p95: 95 % of them are no longer.
        longest: of all.
        limit: of p95.
    """

    n: int
    p50: float
    p95: float
    longest: float
    limit: float

    @property
    def within(self) -> bool:
        """Whether p95 is below the limit, as R8 has it."""
        return self.p95 < self.limit

    @property
    def few(self) -> bool:
        """Whether there are so few that p95 is just the longest."""
        return self.n < _ENOUGH


def percentile(seconds: Collection[float], share: float) -> float:
    """The smallest of the times that a share of them does not exceed: nearest rank, so always one that was measured.

    Raises:
        ValueError: there are no times, or the share is not above 0 and at most 1.
    """
    if not seconds or not 0 < share <= 1:
        raise ValueError(f"no percentile {share} of {len(seconds)} times")
    # 0.95 has no exact float: 0.95 * 20 must be rank 19.
    return sorted(seconds)[math.ceil(round(share * len(seconds), 9)) - 1]


def summarise(step: Step, seconds: Collection[float]) -> Summary:
    """What the times of a step say; there is at least one."""
    return Summary(
        n=len(seconds),
        p50=percentile(seconds, 0.5),
        p95=percentile(seconds, _JUDGED),
        longest=max(seconds),
        limit=LIMITS[step],
    )
