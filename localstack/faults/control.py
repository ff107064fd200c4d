"""Client of a stack's fault proxy."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import requests
from pydantic import parse_obj_as

from localstack.faults.plan import LOST_RESPONSES, Fault, KillPoint, Plan
from localstack.stack import Stack, StackError

_SECONDS = 60


@dataclass(frozen=True)
class Journal:
    """What happened since a plan began; `faults` are calls with their faults."""

    faults: Sequence[dict[str, Any]]
    # Function, service and step of every call.
    steps: Sequence[tuple[str, str, str]]
    kills_left: Sequence[KillPoint]
    # Number of messages that are still to be repeated.
    copies: int

    def unrecorded(self) -> set[tuple[str, str]]:
        """Function and correlation id of mails that may be sent twice: sent, but not recorded as sent."""
        return {(entry["function"], entry["mail"]) for entry in self.faults if _loses_record(entry)}


def _loses_record(entry: dict[str, Any]) -> bool:
    if entry["service"] == "ses":
        return entry["fault"] in LOST_RESPONSES
    return bool(entry["records_mail"]) and entry["fault"] in (Fault.KILL_BEFORE, Fault.FROZEN)


class Control:
    """Controls the fault proxy of a stack. Raises StackError: The stack has none."""

    def __init__(self, stack: Stack) -> None:
        if not stack.proxy_url:
            raise StackError("this stack has no fault proxy: bring one up with `bin/ops stack up --faults`")
        self.url = stack.proxy_url

    def _put(self, name: str, content: Any) -> None:
        requests.put(f"{self.url}/_chaos/{name}", json=content, timeout=_SECONDS).raise_for_status()

    def begin(self, plan: Plan) -> None:
        """Start a plan with an empty journal."""
        self._put("plan", asdict(plan))

    def freeze(self, frozen: bool) -> None:
        """Cut every new call and wait until those in flight are done; or stop cutting."""
        self._put("frozen", frozen)

    def journal(self) -> Journal:
        """Return what happened since the plan began."""
        return parse_obj_as(Journal, requests.get(f"{self.url}/_chaos/journal", timeout=_SECONDS).json())
