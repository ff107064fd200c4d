"""The agreed limits of an order's steps, and measured times compared with them."""

import math
from collections.abc import Collection
from typing import Final, Literal, NamedTuple, get_args

Step = Literal["accepted", "recorded", "invoice", "internal mail", "customer mail"]
Load = Literal["one at a time", "alongside other tests", "100 concurrent orders"]

STEPS: Final[tuple[Step, ...]] = get_args(Step)
LOADS: Final[tuple[Load, ...]] = get_args(Load)
# Limits of p95 in seconds, from the customer's request to the end of the step.
LIMITS: Final[dict[Step, float]] = {
    "accepted": 0.3,
    "recorded": 2.0,
    "invoice": 5.0,
    "internal mail": 10.0,
    "customer mail": 10.0,
}
LIMITED_SHARE: Final = 0.95
# With fewer times than this, p95 by nearest rank is the longest.
_P95_SAMPLES = 20


class Summary(NamedTuple):
    """Percentiles of n measured times, and the agreed limit of p95, in seconds."""

    n: int
    p50: float
    p95: float
    longest: float
    limit: float

    @property
    def within(self) -> bool:
        """Whether p95 is below the agreed limit."""
        return self.p95 < self.limit

    @property
    def few(self) -> bool:
        """Whether there are so few times that p95 is simply the longest."""
        return self.n < _P95_SAMPLES


def percentile(seconds: Collection[float], share: float) -> float:
    """Percentile by nearest rank, so always a measured time; the share is above 0 and at most 1, such as 0.95.

    Raises ValueError: There are no times, or the share is out of range.
    """
    if not seconds or not 0 < share <= 1:
        raise ValueError(f"no percentile {share} of {len(seconds)} times")
    # 0.95 has no exact float: 0.95 * 20 must be rank 19.
    return sorted(seconds)[math.ceil(round(share * len(seconds), 9)) - 1]


def summarise(step: Step, seconds: Collection[float]) -> Summary:
    """Summarise at least one measured time of a step."""
    p50, p95 = percentile(seconds, 0.5), percentile(seconds, LIMITED_SHARE)
    return Summary(len(seconds), p50, p95, max(seconds), LIMITS[step])
