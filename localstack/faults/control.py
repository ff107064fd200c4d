"""The fault proxy of a stack, as a run uses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from localstack.faults.plan import LOST_ANSWERS, Fault, KillPoint, Plan
from localstack.stack import Stack, StackError

_SECONDS = 60


@dataclass(frozen=True)
class Journal:
    """What happened since a plan began.

    Args:
        faults: each a call and its fault.
        steps: function, service and step of every call.
        kills_left: the kill points that no call has come to.
        copies: messages that are still to be repeated.
    """

    faults: Sequence[dict[str, Any]]
    steps: Sequence[tuple[str, str, str]]
    kills_left: Sequence[KillPoint]
    copies: int

    def unnoted(self) -> set[tuple[str, str]]:
        """Function and correlation id of mails that may come twice: sent, and the process or SES's answer lost before
        that was noted."""
        return {(entry["function"], entry["mail"]) for entry in self.faults if _loses_the_note(entry)}


def _loses_the_note(entry: dict[str, Any]) -> bool:
    if entry["service"] == "ses":
        return entry["fault"] in LOST_ANSWERS
    return bool(entry["notes_mail"]) and entry["fault"] in (Fault.KILL_BEFORE, Fault.FROZEN)


class Control:
    """Controls a fault proxy.

    Args:
        stack: that has one.

    Raises:
        StackError: it has none.
    """

    def __init__(self, stack: Stack) -> None:
        if not stack.proxy_url:
            raise StackError("this stack has no fault proxy: bring one up with `bin/ops stack up --faults`")
        self.url = stack.proxy_url
        self._url = f"{self.url}/_chaos"

    def begin(self, plan: Plan) -> None:
        """Follow a plan from now on; what happened before is forgotten."""
        requests.put(f"{self._url}/plan", json=plan.encode(), timeout=_SECONDS).raise_for_status()

    def freeze(self, frozen: bool) -> None:
        """Cut every new call, and return when those under way have their answers; or end that."""
        requests.put(f"{self._url}/frozen", json=frozen, timeout=_SECONDS).raise_for_status()

    def journal(self) -> Journal:
        """What happened since the plan began."""
        content = requests.get(f"{self._url}/journal", timeout=_SECONDS).json()
        left = [KillPoint(**{**point, "fault": Fault(point["fault"])}) for point in content["kills_left"]]
        return Journal(content["faults"], [tuple(step) for step in content["steps"]], left, content["copies"])
