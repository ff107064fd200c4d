"""What was decided on each call of a role."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator

_lock = threading.Lock()
_noted: set[str] = set()
_file: Path | None = None


def note(principal: str, action: str, resource: str, allowed: bool) -> None:
    """Note a decision, if notes are kept and the principal is a role's session; an allowed one only the first time."""
    if _file is None or ":assumed-role/" not in principal:
        return
    role = principal.split("/")[1]
    line = json.dumps({"role": role, "action": action, "resource": resource, "allowed": allowed})
    with _lock:
        if allowed and line in _noted:
            return
        _noted.add(line)
        with _file.open("a") as notes:
            notes.write(line + "\n")


def note_decisions(file: Path) -> None:
    """Keep notes in a file, a JSON object a line: role, action, resource, allowed."""
    global _file
    _file = file
    enforce = iam_evaluator.enforce

    def enforce_and_note(access_key: str, action: str, service: str, region: str, *rest: Any, **named: Any) -> Any:
        denied = enforce(access_key, action, service, region, *rest, **named)
        if not isinstance(denied, iam_evaluator.AuthError):
            caller = iam_evaluator.resolve_caller_identity(access_key) or {}
            resource = rest[0] if rest else named.get("resource_arn", "*")
            note(caller.get("userArn", ""), action, resource, denied is None)
        return denied

    iam_evaluator.enforce = enforce_and_note
