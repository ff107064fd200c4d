"""Client of a stack's fault proxy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from localstack.faults.plan import LOST_RESPONSES, Fault, KillPoint, Plan
from localstack.stack import Stack, StackError

_SECONDS = 60


@dataclass(frozen=True)
class Journal:
    """What happened since a plan began.

    Args:
        faults: Calls with their faults.
        steps: Function, service and step of every call.
        kills_left: Kill points that no call has reached.
        copies: Number of messages that are still to be repeated.
    """

    faults: Sequence[dict[str, Any]]
    steps: Sequence[tuple[str, str, str]]
    kills_left: Sequence[KillPoint]
    copies: int

    def unrecorded(self) -> set[tuple[str, str]]:
        """Function and correlation id of mails that may be sent twice: sent, but not recorded as sent."""
        return {(entry["function"], entry["mail"]) for entry in self.faults if _loses_record(entry)}


def _loses_record(entry: dict[str, Any]) -> bool:
    if entry["service"] == "ses":
        return entry["fault"] in LOST_RESPONSES
    return bool(entry["records_mail"]) and entry["fault"] in (Fault.KILL_BEFORE, Fault.FROZEN)


class Control:
    """Controls a fault proxy.

    Args:
        stack: A stack with a fault proxy.

    Raises:
        StackError: It has none.
    """

    def __init__(self, stack: Stack) -> None:
        if not stack.proxy_url:
            raise StackError("this stack has no fault proxy: bring one up with `bin/ops stack up --faults`")
        self.url = stack.proxy_url
        self._url = f"{self.url}/_chaos"

    def begin(self, plan: Plan) -> None:
        """Start a plan with an empty journal."""
        requests.put(f"{self._url}/plan", json=plan.encode(), timeout=_SECONDS).raise_for_status()

    def freeze(self, frozen: bool) -> None:
        """Cut every new call and wait until those in flight are done; or stop cutting."""
        requests.put(f"{self._url}/frozen", json=frozen, timeout=_SECONDS).raise_for_status()

    def journal(self) -> Journal:
        """Return what happened since the plan began."""
        content = requests.get(f"{self._url}/journal", timeout=_SECONDS).json()
        left = [KillPoint(**{**point, "fault": Fault(point["fault"])}) for point in content["kills_left"]]
        return Journal(content["faults"], [tuple(step) for step in content["steps"]], left, content["copies"])
