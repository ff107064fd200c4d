"""MiniStack with what its IAM lacks and the deployment role's policies rest on; run by the engine's own Python.

`iam:PermissionsBoundary`, `iam:PassedToService` and `lambda:FunctionArn` are absent there, so that what is allowed under
such a condition would be refused; `aws:PrincipalArn` is a session and not its role, and in another account's bucket the
account. Nothing is loosened: an absent key is given the value that AWS gives it.
"""

import importlib
import json
import re
from typing import Any

_BOUNDARY_IN_REQUEST = {"iam:CreateRole", "iam:PutRolePermissionsBoundary"}


def _request_keys(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
    """The condition keys of a request that the engine leaves out."""

    def parameter(name: str) -> Any:
        value = parameters.get(name)
        return value[0] if isinstance(value, list) else value

    if service == "iam":
        roles = importlib.import_module("ministack.services.iam")._roles
        role = roles.get(parameter("RoleName")) or {}
        boundary = parameter("PermissionsBoundary") if action in _BOUNDARY_IN_REQUEST else role.get("PermissionsBoundary")
        return {"iam:PermissionsBoundary": boundary} if boundary else {}
    if action == "lambda:CreateEventSourceMapping":
        return {"lambda:FunctionArn": json.loads(body)["FunctionName"]}
    return {}


def _role_of(principal: str) -> str:
    """The ARN of the role of a session; any other principal as it is."""
    session = re.fullmatch(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.*", principal)
    return f"arn:aws:iam::{session[1]}:role/{session[2]}" if session else principal


def extend() -> None:
    """Give the engine's IAM the keys that it lacks."""
    actions = importlib.import_module("ministack.core.iam_actions")
    evaluator = importlib.import_module("ministack.core.iam_evaluator")
    tags, resolve = actions.request_tag_context, evaluator._resolve_condition_key

    def context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**tags(service, action, body, parameters), **_request_keys(service, action, body, parameters)}

    def key(name: str, request: Any) -> Any:
        return _role_of(evaluator.caller_arn()) if name.lower() == "aws:principalarn" else resolve(name, request)

    actions.request_tag_context = context
    evaluator._resolve_condition_key = key


if __name__ == "__main__":
    extend()
    importlib.import_module("ministack.app").main()
