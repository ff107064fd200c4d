"""IAM: checks that MiniStack makes under another action, resource or condition key than AWS does.

Source of every value here: Service Authorization Reference.
"""

import json
import re
from typing import Any

import cbor2
from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, route53

from localstack.ministack_patches.patching import Function, replaces

_BOUNDARY_IN_REQUEST = {"iam:CreateRole", "iam:PutRolePermissionsBoundary"}
# Calls on one alias or mapping, which MiniStack takes for calls on the list of them.
_ON_ONE = {r"/functions/[^/]+/aliases/[^/]+": "Alias", r"/event-source-mappings/[^/]+": "EventSourceMapping"}
_VERBS = {"GET": "Get", "PUT": "Update", "DELETE": "Delete"}
_ALARM = "arn:aws:cloudwatch:{region}:{account}:alarm:"
_DASHBOARD = "arn:aws:cloudwatch::{account}:dashboard/"
# Calls of AWS Budgets: the API's names are not those of its permissions.
_BUDGETS = {"Describe": "View", "Create": "Modify", "Update": "Modify", "Delete": "Modify"}
# Resources that AWS checks a call on, from the fields of its request; MiniStack checks these calls on `*`.
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


@replaces(iam_actions, "extract_iam_action")
def check_action(action_of: Function, service: str, method: str, path: str, *request: Any) -> str | None:
    """Check calls on one alias or mapping, and batches of SQS, under the action that AWS checks."""
    if service == "lambda" and method in _VERBS:
        for pattern, kind in _ON_ONE.items():
            if re.search(pattern + "/?$", path):
                return f"lambda:{_VERBS[method]}{kind}"
    action: str | None = action_of(service, method, path, *request)
    if action and service == "budgets":
        permissions = (f"budgets:{may}Budget" for verb, may in _BUDGETS.items() if action.startswith(f"budgets:{verb}"))
        return next(permissions, action)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


@replaces(iam_actions, "extract_resource_arn")
def check_resource(arn_of: Function, *request: Any) -> Any:
    """Check calls on the resource that they name, where MiniStack checks them on `*`."""
    arn = arn_of(*request)
    *_, body, parameters, region, account = request
    service, path = request[0], request[2]
    if service == "route53" and (found := re.search(r"/(healthcheck|change)/([\w-]+)$", path)):
        return f"arn:aws:route53:::{found[1]}/{found[2]}"
    if service == "budgets":
        fields = _fields(body, parameters)
        named: dict[str, str] = fields.get("Budget") or fields.get("NewBudget") or fields
        return fields.get("ResourceARN") or f"arn:aws:budgets::{account}:budget/{named.get('BudgetName', '')}"
    action = iam_actions.extract_iam_action(*request[:-2])
    if arn != "*" or action not in _RESOURCES:
        return arn
    return _RESOURCES[action].format_map({**_fields(body, parameters), "region": region, "account": account})


@replaces(iam_actions, "request_tag_context")
def give_condition_keys(
    context: Function, service: str, action: str, body: bytes, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Give requests the keys that our policies name and MiniStack leaves out."""
    keys: dict[str, Any] = {}
    if action.startswith("iam:"):
        fields = _fields(body, parameters)
        boundary = fields.get("PermissionsBoundary")
        if action not in _BOUNDARY_IN_REQUEST:
            boundary = (iam._roles.get(fields.get("RoleName", "")) or {}).get("PermissionsBoundary")
        keys = {"iam:PermissionsBoundary": boundary} if boundary else {}
    elif action == "lambda:CreateEventSourceMapping":
        keys = {"lambda:FunctionArn": _fields(body, parameters).get("FunctionName", "")}
    elif action == "acm:RequestCertificate":
        fields = json.loads(body)
        names = [fields["DomainName"], *fields.get("SubjectAlternativeNames", [])]
        keys = {"acm:DomainNames": names, "acm:ValidationMethod": fields.get("ValidationMethod", "EMAIL")}
    elif action == "route53:ChangeResourceRecordSets":
        names = [one.text or "" for one in route53._parse_body(body).iterfind(".//{*}ResourceRecordSet/{*}Name")]
        normalized = [name.lower().removesuffix(".").replace("*", "\\052") for name in names]
        keys = {"route53:ChangeResourceRecordSetsNormalizedRecordNames": normalized}
    return {**context(service, action, body, parameters), **keys}


@replaces(iam_evaluator, "_resolve_condition_key")
def give_role_of_session(resolve: Function, name: str, request: Any) -> Any:
    """Give `aws:PrincipalArn` the ARN of a session's role; MiniStack gives that of the session."""
    if name.lower() != "aws:principalarn":
        return resolve(name, request)
    principal: str = iam_evaluator.caller_arn()
    session = re.fullmatch(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.*", principal)
    return f"arn:aws:iam::{session[1]}:role/{session[2]}" if session else principal


def _fields(body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
    """Fields of a request in JSON, CBOR or form encoding."""
    found: dict[str, Any] = {}
    if body[:1] == b"{":
        found = json.loads(body)
    elif b"\xa0" <= body[:1] <= b"\xbf":  # a map, in CBOR
        found = cbor2.loads(body)
    return {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()} | found
