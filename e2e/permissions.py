"""What the functions' roles are granted, and what the engine allowed and denied them."""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from localstack import stack as stacks
from localstack.targets import Platform

POLICY = "function"
# Line of the engine's record before which denials are forgotten.
_FORGOTTEN = "null"


class Grant(NamedTuple):
    """A permission of a function's role: one action on one resource, or on those that match a pattern."""

    function: str
    action: str
    resource: str


@dataclass(frozen=True)
class Decision:
    """What the engine decided about one call of a role."""

    role: str
    action: str
    resource: str
    allowed: bool


def role_policy(platform: Platform, function: str) -> dict[str, Any]:
    """The policy of a function's role; a role has only this one."""
    iam, role = platform.aws.iam, platform.outputs["role_names"][function]
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == [POLICY]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    document: dict[str, Any] = iam.get_role_policy(RoleName=role, PolicyName=POLICY)["PolicyDocument"]
    return document


def put_role_policy(platform: Platform, function: str, document: dict[str, Any]) -> None:
    """Replace the policy of a function's role."""
    role = platform.outputs["role_names"][function]
    platform.aws.iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(document))


def grants(platform: Platform) -> list[Grant]:
    """Every permission of every function's role."""
    return [
        Grant(function, action, resource)
        for function in platform.outputs["role_names"]
        for statement in role_policy(platform, function)["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]


def decisions() -> list[Decision]:
    """What the engine of the local stack has decided since its start, without forgotten denials."""
    lines = stacks.require().decisions_file.read_text().splitlines()
    forgotten = max((number for number, line in enumerate(lines) if line == _FORGOTTEN), default=-1)
    made = ((number, Decision(**json.loads(line))) for number, line in enumerate(lines) if line != _FORGOTTEN)
    return [decision for number, decision in made if decision.allowed or number > forgotten]


def forget_denials() -> None:
    """Forget the denials so far, which a test caused on purpose."""
    # Only appended to: the engine, which records what it allows only once, may do so at the same time.
    with stacks.require().decisions_file.open("a") as file:
        file.write(f"{_FORGOTTEN}\n")


def count_uses(platform: Platform) -> dict[Grant, int]:
    """Number of resources that each permission was used on."""
    functions = {role: function for function, role in platform.outputs["role_names"].items()}
    used = [(functions.get(made.role), made.action, made.resource) for made in decisions() if made.allowed]
    return {
        grant: sum(
            (grant.function, grant.action) == (function, action) and fnmatchcase(resource, grant.resource)
            for function, action, resource in used
        )
        for grant in grants(platform)
    }


def format_table(uses: dict[Grant, int]) -> str:
    """Permissions as lines of text: number of resources that each was used on, function, action, resource."""
    lines = [f"{count:>6}  {grant.function:<28}{grant.action:<28}{grant.resource}" for grant, count in uses.items()]
    return "\n".join(["  uses  function                    action                      resource", *lines])
