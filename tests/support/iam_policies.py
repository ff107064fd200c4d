"""IAM's evaluation of identity policies and a permissions boundary, with the condition keys that each action has.

Emulators evaluate a condition with every key that they know. AWS gives an action only the keys that the Service
Authorization Reference lists for it, so a condition on another key never holds, and an Allow never applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

type Statement = Mapping[str, Any]
type Context = Mapping[str, str | list[str]]

_KMS: Final = frozenset({"kms:ViaService", "kms:ResourceAliases", "kms:CallerAccount"})
_ROLE: Final = frozenset({"iam:PermissionsBoundary"})

# From the Service Authorization Reference (2026-11-26): the service's own keys of each action that our policies put
# under a condition. An action that is missing here has none.
CONDITION_KEYS: Final[dict[str, frozenset[str]]] = {
    "acm:RequestCertificate": frozenset(
        f"acm:{name}"
        for name in (
            *("CertificateAuthority", "CertificateTransparencyLogging", "DomainNames", "KeyAlgorithm"),
            "ValidationMethod",
        )
    ),
    "iam:AttachRolePolicy": _ROLE | {"iam:PolicyARN"},
    "iam:CreateRole": _ROLE,
    "iam:CreateServiceLinkedRole": frozenset({"iam:AWSServiceName"}),
    "iam:DeleteRole": frozenset(),
    "iam:DeleteRolePolicy": _ROLE,
    "iam:DetachRolePolicy": _ROLE | {"iam:PolicyARN"},
    "iam:PassRole": frozenset({"iam:PassedToService", "iam:AssociatedResourceArn"}),
    "iam:PutRolePermissionsBoundary": _ROLE,
    "iam:PutRolePolicy": _ROLE,
    "kms:CreateGrant": _KMS | {"kms:GrantOperations", "kms:GrantIsForAWSResource"},
    "kms:Decrypt": _KMS,
    "kms:DescribeKey": _KMS,
    "kms:Encrypt": _KMS,
    "kms:GenerateDataKey*": _KMS,
    "kms:ReEncrypt*": _KMS,
    "lambda:CreateEventSourceMapping": frozenset({"lambda:FunctionArn"}),
    "route53:ChangeResourceRecordSets": frozenset(
        f"route53:ChangeResourceRecordSets{name}" for name in ("Actions", "NormalizedRecordNames", "RecordTypes")
    ),
    "ses:SendRawEmail": frozenset({"ses:FromAddress", "ses:FromDisplayName", "ses:FeedbackAddress", "ses:Recipients"}),
}


def listed(value: str | Iterable[str]) -> list[str]:
    """A value of a policy, which may stand alone or in a list, as a list."""
    return [value] if isinstance(value, str) else list(value)


def own_keys(statement: Statement) -> set[str]:
    """The condition keys of a statement, without the global ones, which every request has."""
    return {key for keys in statement.get("Condition", {}).values() for key in keys if not key.startswith("aws:")}


def context_for(action: str, statement: Statement, **more: str) -> Context:
    """The keys of a request that meets a statement's conditions, as far as its action has them."""
    wanted = {key: listed(value)[0] for keys in statement.get("Condition", {}).values() for key, value in keys.items()}
    has = CONDITION_KEYS.get(action, frozenset())
    return {key: value.replace("*", "x") for key, value in wanted.items() if key in has} | {
        "aws:RequestedRegion": "af-south-1",
        **more,
    }


def is_allowed(
    policies: Iterable[Statement], boundary: Iterable[Statement], action: str, resource: str, context: Context
) -> bool:
    """Whether the policies and the boundary allow a request, and neither denies it."""
    policies, boundary = list(policies), list(boundary)
    denied = any(_applies(one, action, resource, context) for one in [*policies, *boundary] if one["Effect"] == "Deny")
    return not denied and all(
        any(_applies(one, action, resource, context) for one in statements if one["Effect"] == "Allow")
        for statements in (policies, boundary)
    )


def _applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    return (
        _names(statement, "Action", action)
        and _names(statement, "Resource", resource)
        and all(
            _holds(operator, key, listed(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _names(statement: Statement, element: str, name: str) -> bool:
    if f"Not{element}" in statement:
        return not any(fnmatchcase(name, pattern) for pattern in listed(statement[f"Not{element}"]))
    return any(fnmatchcase(name, pattern) for pattern in listed(statement[element]))


def _holds(operator: str, key: str, values: list[str], context: Context) -> bool:
    given = listed(context[key]) if key in context else []
    if operator.startswith("ForAllValues:"):
        single = operator.removeprefix("ForAllValues:")
        return all(_holds(single, key, values, {key: value}) for value in given)
    operator = operator.removeprefix("ForAnyValue:")
    if operator == "StringNotEquals":
        return not any(value in values for value in given)
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return any(fnmatchcase(value, pattern) for value in given for pattern in values)
    if operator in ("StringEquals", "Bool"):
        return any(value in values for value in given)
    raise ValueError(f"condition operator {operator} is not known here: add it")
