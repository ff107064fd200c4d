"""A step of a load test: the requested and reached rate, response times, and which limits it breaks.

Standard library and agreed limits only, since Locust's environment has nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

from tooling.agreed_limits import LIMITED_SHARE, LIMITS, percentile

Kind = Literal["POST order", "GET order", "GET list"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# Of the API, with ids of order and tenant.
PATHS: Final[dict[Kind, str]] = {
    "POST order": "/v1.0/orders",
    "GET order": "/v1.0/orders/{order}",
    "GET list": "/v1.0/tenants/{tenant}/orders",
}
# Agreed limits in seconds: p95 of POST, and the age at which an order must be recorded.
POST_SECONDS, RECORDED_SECONDS = LIMITS["accepted"], LIMITS["recorded"]
# Shares of the responses, of the orders that were read when they should be recorded, and of the rate.
ERROR_SHARE, LATE_SHARE, REACHED_SHARE = 0.001, round(1 - LIMITED_SHARE, 9), 0.95
# Seconds between the requests of a user; there are as many users as the rate takes.
PACE_SECONDS: Final = 2.0
# Seconds before a step counts: users start, and Lambda starts what a higher rate needs. The first needs longer.
SETTLE_SECONDS, WARM_SECONDS = 3.0, 10.0
# Of ten requests.
ORDERS, READS, LISTS = 3, 5, 2
# Environment variable with the path of the plan: api_url, paths of each kind of request, customers (tenant, token,
# body), seconds to settle, and the path of the file for the result.
PLAN_VARIABLE: Final = "LOAD_PLAN"


class Response(NamedTuple):
    """A response of the API; `late` is whether an order that should be recorded was not, None if it says nothing."""

    kind: Kind
    seconds: float
    # Unexpected status, or "no response".
    error: str = ""
    late: bool | None = None
    # Seconds after the responses began to count.
    at: float = 0.0


class Times(NamedTuple):
    """Number of responses of a kind, and percentiles of their seconds."""

    n: int
    p50: float
    p95: float
    p99: float


class Step(NamedTuple):
    """A requested rate in requests a second, and what was measured in so many seconds."""

    rate: float
    seconds: float
    # Errors included.
    responses: int
    errors: dict[str, int]
    # Orders that were read when they should be recorded, and how many of those were not.
    due: int
    late: int
    times: dict[Kind, Times]
    # Seconds of a request that no function handles, which the agreed limit does not include.
    round_trip: float = 0.0

    @property
    def reached(self) -> float:
        """Responses a second."""
        return self.responses / self.seconds

    @property
    def error_share(self) -> float:
        """Share of the errors in all responses."""
        return sum(self.errors.values()) / max(1, self.responses)

    @property
    def late_share(self) -> float:
        """Share of the late orders in those that were due."""
        return self.late / max(1, self.due)

    @property
    def broken(self) -> list[str]:
        """The limits that the step breaks, in words; empty if it holds."""
        found = []
        post = self.times.get("POST order")
        if post is None:
            found.append("no POST got a response")
        elif post.p95 - self.round_trip >= POST_SECONDS:
            p95 = f"p95 of POST is {post.p95 * 1000:.0f} ms, {self.round_trip * 1000:.0f} ms of it the round trip"
            found.append(f"{p95}; the agreed limit is {POST_SECONDS * 1000:.0f} ms")
        if self.error_share >= ERROR_SHARE:
            kinds = ", ".join(f"{count} × {error}" for error, count in sorted(self.errors.items()))
            found.append(f"{self.error_share:.1%} errors ({kinds}); the limit is {ERROR_SHARE:.1%}")
        if self.late_share > LATE_SHARE:
            late = f"{self.late_share:.0%} of the orders are not recorded after {RECORDED_SECONDS:g} s"
            found.append(f"{late}; the agreed limit is {LATE_SHARE:.0%}")
        # A request that was due just before the end may have its response just after it.
        if self.responses < REACHED_SHARE * self.rate * (self.seconds - PACE_SECONDS):
            found.append(f"{self.reached:.1f} of {self.rate:g} requests a second got a response")
        return found


def summarise(rate: float, seconds: float, responses: Sequence[Response], round_trip: float = 0.0) -> Step:
    """Make the step of the responses that came in so many seconds."""
    times: dict[Kind, Times] = {}
    for kind in KINDS:
        if taken := [response.seconds for response in responses if response.kind == kind]:
            times[kind] = Times(len(taken), *(percentile(taken, share) for share in (0.5, 0.95, 0.99)))
    due = [response.late for response in responses if response.late is not None]
    errors = Counter(response.error for response in responses if response.error)
    return Step(rate, seconds, len(responses), dict(errors), len(due), sum(due), times, round_trip)


def failures(steps: Sequence[Step], gate: float) -> list[str]:
    """Why a load test with these steps fails its gate: each limit that is broken at the gate's rate or below."""
    found = [f"at {step.rate:g} requests a second {why}" for step in steps if step.rate <= gate for why in step.broken]
    if not found and all(step.rate < gate for step in steps):
        return [f"{gate:g} requests a second were not tried"]
    return found
