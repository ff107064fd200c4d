"""The policies of the deployment role and of the functions, evaluated as AWS does, without an engine."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labs.rehearsal.accounts import ACCOUNTS
from localstack import terraform
from release.environments import EnvironmentName
from release.packaging.build import function_names
from tests.support.iam_policies import (
    Statement,
    actions_of,
    condition_keys,
    context_for,
    is_allowed,
    listed,
    own_keys,
    resource_types,
)
from tests.support.kept import kept, program
from tooling import commands
from tooling.paths import ROOT

_TERRAFORM_SECONDS = 300
# Reports of 2026 say that API Gateway checks this for tags of a stage; AWS's list of actions does not have it.
_UNLISTED = {"apigateway:TagResource"}


class Role(NamedTuple):
    """A role: the statements of its policies, and those of its boundary."""

    policies: list[Statement]
    boundary: list[Statement]

    def allows(self, action: str, resource: str, **context: str) -> bool:
        """Whether a request is allowed; a key is written with __ in place of the colon."""
        keys = {"aws:RequestedRegion": "af-south-1"} | {key.replace("__", ":"): value for key, value in context.items()}
        return is_allowed(self.policies, self.boundary, action, resource, keys)


type Resources = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def resources(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path, str, str], Resources]:
    """Run one of Terraform's tests with its mocked provider, and return the resources by type."""

    def make(code: Path, test: str, environment: str) -> Resources:
        folder = tmp_path_factory.mktemp("permissions")
        for function in function_names():
            (folder / f"{function}.zip").write_bytes(b"")
        variables = terraform.environment(folder / code.name) | request.getfixturevalue("provider")

        def command(*arguments: str) -> str:
            call = ["terraform", f"-chdir={code}", *arguments]
            return commands.run(f"terraform {arguments[0]}", call, _TERRAFORM_SECONDS, variables).checked()

        command("init", "-backend=false", "-lockfile=readonly", "-test-directory=tests")
        packages = [f"-var=packages_dir={folder}"] if code == terraform.TERRAFORM_DIR else []
        options = (f"-var-file=env/{environment}.tfvars", f"-filter=tests/{test}.tftest.hcl")
        lines = command("test", "-json", "-verbose", *options, *packages).splitlines()
        message = next(found for line in lines if (found := json.loads(line))["type"] in ("test_state", "test_plan"))
        by_type: Resources = {}
        for change in message.get("test_plan", {}).get("resource_changes", []):
            by_type.setdefault(change["type"], []).append(change["change"]["after"])
        for resource in message.get("test_state", {}).get("root_module", {}).get("resources", []):
            by_type.setdefault(resource["type"], []).append(resource["values"])
        return by_type

    @cache
    def read(code: Path, test: str, environment: str) -> Resources:
        def write(folder: Path) -> None:
            (folder / "resources.json").write_text(json.dumps(make(code, test, environment)))

        inputs = [*program("terraform"), terraform.TERRAFORM_DIR, ROOT / "templates", Path(__file__)]
        folder = kept(f"resources-{test}-{environment}", inputs, write)
        found: Resources = json.loads((folder / "resources.json").read_text())
        return found

    return read


def _statements(policy: dict[str, Any]) -> list[Statement]:
    found: list[Statement] = json.loads(policy["policy"])["Statement"]
    return found


@pytest.fixture(scope="module", params=["dev", "prod"])
def account(
    request: pytest.FixtureRequest, resources: Callable[..., Resources]
) -> tuple[EnvironmentName, dict[str, Any]]:
    """An environment, and the policies that bootstrap creates for it, by name without the environment."""
    found = resources(terraform.TERRAFORM_DIR / "bootstrap", "account", request.param)["aws_iam_policy"]
    return request.param, {policy["name"].removesuffix(f"-{request.param}"): policy for policy in found}


@pytest.fixture(scope="module")
def deployment(account: tuple[EnvironmentName, dict[str, Any]]) -> Role:
    """The deployment role."""
    _, policies = account
    names = [name for name in policies if name.startswith("bbws-order-lambda-deployment-") and "boundary" not in name]
    assert len(names) >= 5
    boundary = _statements(policies["bbws-order-lambda-deployment-boundary"])
    return Role([one for name in names for one in _statements(policies[name])], boundary)


def _require_effective(name: str, statements: list[Statement]) -> None:
    """Check that each statement that allows can apply to each of its actions."""
    for statement in (one for one in statements if one["Effect"] == "Allow"):
        for pattern in set(listed(statement["Action"])) - _UNLISTED:
            assert actions_of(pattern), f"{name}: AWS has no action {pattern}"
            missing = own_keys(statement) - condition_keys(pattern)
            assert not missing, f"{name}: {pattern} has no condition key {missing}"
            of_resources = listed(statement["Resource"]) == ["*"] or any(map(resource_types, actions_of(pattern)))
            assert of_resources, f"{name}: {pattern} has no resource-level permissions"


def test_bootstrap_policies_can_apply(account: tuple[EnvironmentName, dict[str, Any]]) -> None:
    """AWS has each action, gives it the condition keys of its statement, and checks it on such a resource."""
    _, policies = account
    for name, policy in policies.items():
        _require_effective(name, _statements(policy))


def test_service_policies_can_apply(resources: Callable[..., Resources]) -> None:
    """The same for the roles of functions and of replication, which prod has."""
    found = resources(terraform.TERRAFORM_DIR, "environment", "prod")["aws_iam_role_policy"]
    assert len(found) == 10
    for policy in found:
        _require_effective(policy["name"], _statements(policy))


def test_every_permission_can_be_used(account: tuple[EnvironmentName, dict[str, Any]], deployment: Role) -> None:
    """Each action of the deployment role is allowed by policy and boundary, with the keys that its request has."""
    environment, _ = account
    for statement in deployment.policies:
        for action in listed(statement["Action"]):
            # One of our resources that matches; regions and ids may be anything.
            resource = listed(statement["Resource"])[0]
            named = resource.replace(":*:", ":af-south-1:", 1).replace("*", f"-{environment}-x")
            context = context_for(action, statement)
            assert is_allowed(deployment.policies, deployment.boundary, action, named, context), (action, named)


def test_deployment_role_requests(account: tuple[EnvironmentName, dict[str, Any]], deployment: Role) -> None:
    """The deployment role may do what Terraform needs in its account, and cannot widen its own permissions."""
    environment, _ = account
    iam = f"arn:aws:iam::{ACCOUNTS[environment]}"
    function_role = f"{iam}:role/bbws-order-lambda-get-order-{environment}"
    boundary = f"{iam}:policy/bbws-order-lambda-function-boundary-{environment}"
    state = f"arn:aws:s3:::bbws-terraform-state-{environment}/order-lambda/terraform.tfstate"
    own_role = f"{iam}:role/github-2-bbws-order-lambda-{environment}"

    assert deployment.allows("iam:CreateRole", function_role, iam__PermissionsBoundary=boundary)
    assert not deployment.allows("iam:CreateRole", function_role)
    assert deployment.allows("iam:DeleteRole", function_role)
    assert not deployment.allows("iam:DeleteRole", own_role)
    assert not deployment.allows("iam:PutRolePolicy", own_role, iam__PermissionsBoundary=boundary)
    assert deployment.allows("iam:PassRole", function_role, iam__PassedToService="lambda.amazonaws.com")
    assert not deployment.allows("iam:PassRole", function_role, iam__PassedToService="ec2.amazonaws.com")
    replication_role = f"{iam}:role/bbws-orders-{environment}-replication"
    assert deployment.allows("iam:PassRole", replication_role) is (environment == "prod")

    assert deployment.allows("s3:DeleteObject", f"{state}.tflock")
    assert not deployment.allows("s3:DeleteObject", state)
    assert not deployment.allows("s3:DeleteObject", f"arn:aws:s3:::bbws-releases-{environment}/content/x")
    assert not deployment.allows("s3:PutBucketPolicy", f"arn:aws:s3:::bbws-releases-{environment}")

    table = f"table/bbws-customer-portal-orders-{environment}"
    for region, inside in (("af-south-1", True), ("eu-west-1", environment == "prod"), ("us-east-1", False)):
        arn = f"arn:aws:dynamodb:{region}:{ACCOUNTS[environment]}:{table}"
        assert deployment.allows("dynamodb:UpdateTable", arn, aws__RequestedRegion=region) is inside


def test_deployment_role_names(account: tuple[EnvironmentName, dict[str, Any]], deployment: Role) -> None:
    """The deployment role changes the API's own records, certificate and domain name, and this project's budget."""
    environment, _ = account
    name = {"dev": "api.dev.kimmyai.io", "prod": "api.kimmyai.io"}[environment]
    # Global services: their requests name us-east-1.
    everywhere = {"aws__RequestedRegion": "us-east-1"}

    def may_change(record: str, zone: str = "Z0123456789ABCDEFGHIJ") -> bool:
        keys = {"route53__ChangeResourceRecordSetsNormalizedRecordNames": record}
        action = "route53:ChangeResourceRecordSets"
        return deployment.allows(action, f"arn:aws:route53:::hostedzone/{zone}", **keys, **everywhere)

    assert may_change(name)
    assert may_change(f"_0a1b.{name}")
    assert not may_change(f"www.{name}")
    assert not may_change("kimmyai.io")
    assert not may_change(name, zone="Z9")
    method = {"acm__ValidationMethod": "DNS"}
    assert deployment.allows("acm:RequestCertificate", "*", acm__DomainNames=name, **method)
    assert not deployment.allows("acm:RequestCertificate", "*", acm__DomainNames="kimmyai.io", **method)
    gateway = "arn:aws:apigateway:af-south-1::/domainnames"
    assert deployment.allows("apigateway:PATCH", f"{gateway}/{name}")
    assert not deployment.allows("apigateway:PATCH", f"{gateway}/www.kimmyai.io")
    budget = f"arn:aws:budgets::{ACCOUNTS[environment]}:budget"
    assert deployment.allows("budgets:ModifyBudget", f"{budget}/bbws-monthly-{environment}", **everywhere)
    assert not deployment.allows("budgets:ModifyBudget", f"{budget}/company", **everywhere)
    check = "arn:aws:route53:::healthcheck/1"
    assert deployment.allows("route53:UpdateHealthCheck", check, **everywhere) is (environment == "prod")


@pytest.mark.parametrize("account", ["prod"], indirect=True)
def test_functions_stay_within_their_boundary(
    account: tuple[EnvironmentName, dict[str, Any]], resources: Callable[..., Resources]
) -> None:
    """The boundary allows each permission of each function, and the decryption of its environment variables."""
    environment, policies = account
    boundary = _statements(policies["bbws-order-lambda-function-boundary"])
    roles = resources(terraform.TERRAFORM_DIR, "environment", environment)["aws_iam_role_policy"]
    functions = [_statements(role) for role in roles if role["name"] == "function"]
    assert len(functions) == 8
    for statements in functions:
        for statement in statements:
            for action in listed(statement["Action"]):
                resource = listed(statement["Resource"])[0].replace("*", "x")
                assert is_allowed(statements, boundary, action, resource, context_for(action, statement)), action
    key = f"arn:aws:kms:af-south-1:{ACCOUNTS[environment]}:key/1"
    grant: list[Statement] = [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}]
    assert is_allowed(grant, boundary, "kms:Decrypt", key, {"kms:ResourceAliases": ["alias/aws/lambda"]})
    assert not is_allowed(grant, boundary, "kms:Decrypt", key, {"kms:ResourceAliases": ["alias/other"]})
