"""IAM: checks that MiniStack makes under another action, resource or condition key than AWS does.

Source of every value here: Service Authorization Reference.
"""

import json
import re
from contextvars import ContextVar
from typing import Any

import cbor2
from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.services import iam, route53

from localstack.ministack_patches.patching import Function, changes, replaces

# The only calls on a role with iam:PermissionsBoundary: a statement with that condition allows no iam:DeleteRole.
_BOUNDARY_IN_REQUEST = {"iam:CreateRole", "iam:PutRolePermissionsBoundary"}
_BOUNDARY_OF_ROLE = {
    "iam:AttachRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePolicy",
}
_CREATE_ROLE = "CreateServiceLinkedRole"
_SERVICE_LINKED_ROLES = {
    "ops.apigateway.amazonaws.com": "AWSServiceRoleForAPIGateway",
    "replication.dynamodb.amazonaws.com": "AWSServiceRoleForDynamoDBReplication",
}
# Calls on one alias or mapping, which MiniStack takes for calls on the list of them.
_ON_ONE = {r"/functions/[^/]+/aliases/[^/]+": "Alias", r"/event-source-mappings/[^/]+": "EventSourceMapping"}
# Access key of the call that is handled.
_caller: ContextVar[str] = ContextVar("caller")
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
    """Check calls on one alias or mapping, and batches of SQS and SNS, under the action that AWS checks."""
    if service == "lambda" and method in _VERBS:
        for pattern, kind in _ON_ONE.items():
            if re.search(pattern + "/?$", path):
                return f"lambda:{_VERBS[method]}{kind}"
    action: str | None = action_of(service, method, path, *request)
    if action and service == "budgets":
        permissions = (f"budgets:{may}Budget" for verb, may in _BUDGETS.items() if action.startswith(f"budgets:{verb}"))
        return next(permissions, action)
    return action.removesuffix("Batch") if action and action.startswith(("sqs:", "sns:")) else action


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
        boundary = None
        if action in _BOUNDARY_IN_REQUEST:
            boundary = fields.get("PermissionsBoundary")
        elif action in _BOUNDARY_OF_ROLE:
            boundary = (iam._roles.get(fields.get("RoleName", "")) or {}).get("PermissionsBoundary")
        found = {"iam:PermissionsBoundary": boundary, "iam:AWSServiceName": fields.get("AWSServiceName")}
        keys = {key: value for key, value in found.items() if value}
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


@replaces(iam_evaluator, "request_caller_arn")
def find_caller(_: Function, headers: dict[str, str], parameters: dict[str, Any] | None = None) -> str:
    """Find who makes a call by the access key alone; MiniStack gathers and parses the caller's policies as well."""
    key, account = router.extract_access_key_id(headers, parameters or {}), responses.get_account_id()
    caller = iam_evaluator.resolve_credential(key, responses._account_from_sts_session(key) or account) if key else None
    if isinstance(caller, iam_evaluator.ResolvedCredential):
        return str(caller.principal_arn)
    return f"arn:aws:iam::{account}:root"


@replaces(iam_evaluator, "enforce")
def remember_caller(enforce: Function, access_key: str, *request: Any, **named: Any) -> Any:
    """Remember who makes a call, for `has_service_linked_role`."""
    _caller.set(access_key)
    return enforce(access_key, *request, **named)


@changes
def name_service_linked_roles() -> None:
    """Name service-linked roles as AWS does; MiniStack takes the name from the service's host name.

    Source: API Gateway Developer Guide, "Using service-linked roles for API Gateway"; DynamoDB Developer Guide, "Global
    tables: Using IAM".
    """
    create = iam._IAM_HANDLERS[_CREATE_ROLE]
    iam._IAM_HANDLERS[_CREATE_ROLE] = lambda fields: _create_service_linked_role(create, fields)


def _create_service_linked_role(create: Function, fields: dict[str, Any]) -> Any:
    service = iam._p(fields, "AWSServiceName")
    name = _SERVICE_LINKED_ROLES.get(service)
    if name is None:
        return create(fields)
    if name in iam._roles:
        message = f"Service role name {name} has been taken in this account, please try a different suffix."
        return iam._error(400, "InvalidInput", message, ns="iam")
    before = set(iam._roles.keys())
    status, headers, body = create(fields)
    (other,) = set(iam._roles.keys()) - before
    role = iam._roles.pop(other)
    iam._roles[name] = {**role, "RoleName": name, "Arn": role["Arn"].replace(other, name)}
    return status, headers, body.replace(other.encode(), name.encode())


def has_service_linked_role(service: str) -> bool:
    """Whether the role that a service needs exists, or could be created with the caller's permissions.

    Source: IAM User Guide, "Create a service-linked role", service-linked role permissions.
    """
    name = _SERVICE_LINKED_ROLES[service]
    if name in iam._roles:
        return True
    denied = iam_evaluator.enforce(
        _caller.get(),
        f"iam:{_CREATE_ROLE}",
        "iam",
        responses.get_region(),
        resource_arn=f"arn:aws:iam::{responses.get_account_id()}:role/aws-service-role/{service}/{name}",
        service_context={"iam:AWSServiceName": service},
    )
    if denied is None:
        iam._IAM_HANDLERS[_CREATE_ROLE]({"AWSServiceName": service})
    return denied is None


def _fields(body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
    """Fields of a request in JSON, CBOR or form encoding."""
    found: dict[str, Any] = {}
    if body[:1] == b"{":
        found = json.loads(body)
    elif b"\xa0" <= body[:1] <= b"\xbf":  # a map, in CBOR
        found = cbor2.loads(body)
    return {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()} | found
