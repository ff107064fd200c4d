"""Which call gets which fault: a function of plan and call alone, so that a run can be replayed."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from localstack.faults.calls import Call


class Fault(StrEnum):
    """What happens to a call; "after" means that it took effect and its response is lost."""

    THROTTLE = "throttle"
    ERROR = "error"
    REFUSE = "refuse"
    STALL_BEFORE = "stall before"
    STALL_AFTER = "stall after"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"
    SLOW = "slow"
    REPEAT = "repeat"
    FROZEN = "frozen"


KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
LOST_RESPONSES = (Fault.STALL_AFTER, Fault.CUT_AFTER, Fault.KILL_AFTER)

# Faults in a thousand calls; an order takes about 25 calls.
RATES = {
    Fault.THROTTLE: 8,
    Fault.ERROR: 8,
    Fault.CUT_BEFORE: 8,
    Fault.CUT_AFTER: 8,
    Fault.STALL_BEFORE: 1,
    Fault.STALL_AFTER: 1,
    Fault.KILL_BEFORE: 1,
    Fault.KILL_AFTER: 1,
    Fault.SLOW: 4,
    Fault.REPEAT: 30,
}


@dataclass(frozen=True)
class KillPoint:
    """A step of a function at which its process is killed, before or after the call takes effect."""

    function: str
    step: str
    fault: Fault


@dataclass(frozen=True)
class Outage:
    """Calls of a function to a service that fail the first times for each order."""

    service: str
    fault: Fault
    times: int
    function: str


@dataclass(frozen=True)
class Plan:
    """The faults of a run: random ones in a thousand calls, by a seed; kill points, each used once; and outages."""

    seed: int = 0
    rates: Mapping[Fault, int] = field(default_factory=dict)
    kills: tuple[KillPoint, ...] = ()
    outages: tuple[Outage, ...] = ()


class Decider:
    """Decides by a plan, and counts calls."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.kills_left = set(plan.kills)
        self._killed: set[str] = set()
        self._seen: Counter[tuple[str, ...]] = Counter()

    def decide(self, call: Call) -> Fault | None:
        """Return the fault of a call, or None."""
        key = (call.function, call.service, call.step, call.subject)
        self._seen[key] += 1
        return self._outage(call) or self._kill(call) or self._random("/".join(key), self._seen[key], call)

    def _outage(self, call: Call) -> Fault | None:
        for outage in self._plan.outages:
            if (outage.service, outage.function) == (call.service, call.function):
                key = ("outage", call.service, call.function, call.order or call.subject)
                self._seen[key] += 1
                return outage.fault if self._seen[key] <= outage.times else None
        return None

    def _kill(self, call: Call) -> Fault | None:
        # One kill an order: three would send its message to the DLQ, and hide which kill broke what.
        if call.order in self._killed:
            return None
        for fault in KILLS:
            point = KillPoint(call.function, call.step, fault)
            if point in self.kills_left:
                self.kills_left.remove(point)
                if call.order:
                    self._killed.add(call.order)
                return fault
        return None

    def _random(self, key: str, occurrence: int, call: Call) -> Fault | None:
        # Seeded by the call: the sequence of calls differs in each run.
        position = random.Random(f"{self._plan.seed}/{key}/{occurrence}").uniform(0, 1_000)  # noqa: S311  # nosec B311
        for fault, rate in self._plan.rates.items():
            position -= rate
            if position < 0:
                return fault if _possible(fault, call) else None
        return None


def _possible(fault: Fault, call: Call) -> bool:
    if fault is Fault.REPEAT:
        return call.step.startswith(("Publish", "SendMessage"))
    if call.service == "api":
        return fault in (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.SLOW)
    return True
