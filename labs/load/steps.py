"""What a step of a load test says: the rate that was asked for and reached, how long answers took, what breaks.

The standard library and the agreed limits only: Locust's environment has nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from tooling.agreed_limits import LIMITED_SHARE, LIMITS, percentile

Kind = Literal["POST order", "GET order", "GET list"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# Agreed limits in seconds: p95 of an answer to POST, and how old an order is when it must be on record.
POST_SECONDS: Final = LIMITS["accepted"]
RECORDED_SECONDS: Final = LIMITS["recorded"]
# Of all answers; of the orders that were read when they had to be on record (95 % of them), and of the rate.
ERROR_SHARE: Final = 0.001
LATE_SHARE: Final = round(1 - LIMITED_SHARE, 9)
REACHED_SHARE: Final = 0.95
# Seconds from one request of a user to its next. So many users are there that the rate holds while answers take less.
PACE_SECONDS: Final = 2.0


class Answer(NamedTuple):
    """An answer of the API, or the lack of one.

    Args:
        kind: of the request.
        seconds: that it took.
        error: status that is none of the good ones, or "no answer"; empty for a good answer.
        late: whether an order that had to be on record was not; None where that cannot be told.
    """

    kind: Kind
    seconds: float
    error: str = ""
    late: bool | None = None


class Times(NamedTuple):
    """Of the answers of one kind, in seconds.

    Args:
        n: how many there are.
        p50: half of them took no longer.
        p95: 95 % of them took no longer.
        p99: 99 % of them took no longer.
    """

    n: int
    p50: float
    p95: float
    p99: float


class Step(NamedTuple):
    """A rate that was held for a while.

    Args:
        rate: that was asked for, in requests a second.
        seconds: that were measured.
        errors: how many there were of each.
        looked: how many orders were read when they had to be on record.
        late: how many of those were not.
        times: of the kinds that were answered.
        way: seconds of a request that no function answers, which R8 does not speak of: a runner may be far away.
    """

    rate: float
    seconds: float
    errors: dict[str, int]
    looked: int
    late: int
    times: dict[Kind, Times]
    way: float = 0.0

    @property
    def answers(self) -> int:
        """How many there were, good and bad."""
        return sum(times.n for times in self.times.values())

    @property
    def reached(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def orders(self) -> float:
        """Answers to POST a second."""
        return self.times["POST order"].n / self.seconds if "POST order" in self.times else 0.0

    @property
    def error_share(self) -> float:
        """Of all answers."""
        return sum(self.errors.values()) / self.answers if self.answers else 0.0

    @property
    def late_share(self) -> float:
        """Of the orders that were read when they had to be on record."""
        return self.late / self.looked if self.looked else 0.0

    @property
    def broken(self) -> list[str]:
        """Which limits it breaks, in words; empty if it holds."""
        found = []
        post = self.times.get("POST order")
        if post is None:
            found.append("no order was answered")
        elif post.p95 - self.way >= POST_SECONDS:
            found.append(
                f"p95 of POST is {post.p95 * 1000:.0f} ms, {self.way * 1000:.0f} ms of them the way, "
                f"R8 asks for less than {POST_SECONDS * 1000:.0f} ms"
            )
        if self.error_share >= ERROR_SHARE:
            kinds = ", ".join(f"{count} × {error}" for error, count in sorted(self.errors.items()))
            found.append(f"{self.error_share:.1%} errors ({kinds}), less than {ERROR_SHARE:.1%} are allowed")
        if self.late_share > LATE_SHARE:
            found.append(
                f"{self.late_share:.0%} of the orders are not on record after {RECORDED_SECONDS:g} s, "
                f"R8 allows {LATE_SHARE:.0%}"
            )
        # A user whose turn falls just outside of the time is not one who waits.
        if self.answers < REACHED_SHARE * self.rate * (self.seconds - PACE_SECONDS):
            found.append(f"{self.reached:.1f} of {self.rate:g} requests a second were answered")
        return found


def measured(rate: float, seconds: float, answers: Sequence[Answer], way: float = 0.0) -> Step:
    """The step of the answers that came in a time.

    Args:
        rate: that was asked for, in requests a second.
        seconds: of the time; above 0.
        answers: in any order.
        way: seconds of a request that no function answers.
    """
    times: dict[Kind, Times] = {}
    for kind in KINDS:
        taken = [answer.seconds for answer in answers if answer.kind == kind]
        if taken:
            times[kind] = Times(len(taken), *(percentile(taken, share) for share in (0.5, 0.95, 0.99)))
    looked = [answer.late for answer in answers if answer.late is not None]
    errors = Counter(answer.error for answer in answers if answer.error)
    return Step(rate, seconds, dict(errors), len(looked), sum(looked), times, way)


def to_json(step: Step) -> dict[str, Any]:
    """A step as JSON has it."""
    return {**step._asdict(), "times": {kind: times._asdict() for kind, times in step.times.items()}}


def from_json(content: dict[str, Any]) -> Step:
    """The step that `to_json` gave."""
    return Step(**{**content, "times": {kind: Times(**times) for kind, times in content["times"].items()}})


def failures(steps: Sequence[Step], gate: float) -> list[str]:
    """Why a load test does not pass its gate: each limit that is broken at the gate's rate or below it.

    Args:
        steps: in the order of their rates.
        gate: the rate that must hold, in requests a second; one of those that were asked for.
    """
    found = [f"at {step.rate:g} requests a second {why}" for step in steps if step.rate <= gate for why in step.broken]
    if not found and all(step.rate < gate for step in steps):
        return [f"{gate:g} requests a second were not come to"]
    return found
