"""Grants that the engine checks by another action, resource or condition key than AWS does.

It leaves out the condition keys `iam:PermissionsBoundary` and `lambda:FunctionArn`, gives `aws:PrincipalArn` the
session instead of its role, and checks some calls under another action's name, or on `*` instead of the resource that
they name. Each gets the value that it has in AWS (Service Authorization Reference).
"""

from __future__ import annotations

import json
import re
from typing import Any

import cbor2
from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

_BOUNDARY_IN_REQUEST = {"iam:CreateRole", "iam:PutRolePermissionsBoundary"}
_BATCHES = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
# Calls on one alias or mapping, which the engine takes for calls on the list of them.
_ON_ONE = {
    r"/functions/[^/]+/aliases/[^/]+": "Alias",
    r"/event-source-mappings/[^/]+": "EventSourceMapping",
}
_VERBS = {"GET": "Get", "PUT": "Update", "DELETE": "Delete"}
_ALARM = "arn:aws:cloudwatch:{region}:{account}:alarm:"
_DASHBOARD = "arn:aws:cloudwatch::{account}:dashboard/"
# What a call is checked on in AWS, by the fields of its request.
_RESOURCES = {
    "cloudwatch:DescribeAlarms": _ALARM + "*",
    "cloudwatch:GetDashboard": _DASHBOARD + "{DashboardName}",
    "cloudwatch:ListTagsForResource": "{ResourceARN}",
    "cloudwatch:PutDashboard": _DASHBOARD + "{DashboardName}",
    "cloudwatch:PutMetricAlarm": _ALARM + "{AlarmName}",
    "dynamodb:ListTagsOfResource": "{ResourceArn}",
    "dynamodb:TagResource": "{ResourceArn}",
    "lambda:CreateFunction": "arn:aws:lambda:{region}:{account}:function:{FunctionName}",
    "sns:ListTagsForResource": "{ResourceArn}",
    "sns:TagResource": "{ResourceArn}",
}


def _action(service: str, method: str, path: str, found: str | None) -> str | None:
    """The action that a call needs in AWS, by the one that the engine found."""
    if service == "lambda" and method in _VERBS:
        for pattern, kind in _ON_ONE.items():
            if re.search(pattern + "/?$", path):
                return f"lambda:{_VERBS[method]}{kind}"
    return _BATCHES.get(found or "", found)


def _fields(body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
    """The fields of a request, which may be JSON, CBOR, or a form."""
    found: dict[str, Any] = {}
    if body[:1] == b"{":
        found = json.loads(body)
    elif b"\xa0" <= body[:1] <= b"\xbf":  # a map, in CBOR
        found = cbor2.loads(body)
    return {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()} | found


def _keys(action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
    """The condition keys of a request that the engine leaves out."""
    if action.startswith("iam:"):
        fields = _fields(body, parameters)
        of_role = (iam._roles.get(fields.get("RoleName", "")) or {}).get("PermissionsBoundary")
        boundary = fields.get("PermissionsBoundary") if action in _BOUNDARY_IN_REQUEST else of_role
        return {"iam:PermissionsBoundary": boundary} if boundary else {}
    if action == "lambda:CreateEventSourceMapping":
        return {"lambda:FunctionArn": _fields(body, parameters).get("FunctionName", "")}
    return {}


def _role_of(principal: str) -> str:
    """The ARN of the role of a session; any other principal as it is."""
    session = re.fullmatch(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.*", principal)
    return f"arn:aws:iam::{session[1]}:role/{session[2]}" if session else principal


def check_as_aws_does() -> None:
    """Check calls under the actions, resources and keys that AWS checks them under."""
    context, resource = iam_actions.request_tag_context, iam_actions.extract_resource_arn
    action_of, key = iam_actions.extract_iam_action, iam_evaluator._resolve_condition_key

    def action_in_aws(service: str, method: str, path: str, *request: Any) -> str | None:
        return _action(service, method, path, action_of(service, method, path, *request))

    def context_and_keys(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**context(service, action, body, parameters), **_keys(action, body, parameters)}

    def resource_named(*request: Any) -> Any:
        found = resource(*request)
        *_, body, parameters, region, account = request
        action = action_in_aws(*request[:-2])
        if found != "*" or action not in _RESOURCES:
            return found
        return _RESOURCES[action].format_map({**_fields(body, parameters), "region": region, "account": account})

    def key_of_role(name: str, request: Any) -> Any:
        if name.lower() == "aws:principalarn":
            return _role_of(iam_evaluator.caller_arn())
        return key(name, request)

    iam_actions.extract_iam_action = action_in_aws
    iam_actions.request_tag_context = context_and_keys
    iam_actions.extract_resource_arn = resource_named
    iam_evaluator._resolve_condition_key = key_of_role
