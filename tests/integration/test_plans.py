"""The plans of dev, sit, prod and the fail-over, each in its own account of an engine."""

import json
import re
from pathlib import Path

import pytest

from labs.rehearsal.accounts import ACCOUNTS
from release.environments import ENVIRONMENTS, EnvironmentName
from release.packaging.build import function_names
from tests.support.plans import resources


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_plan_has_all_resources_in_own_account(plans: Path, name: EnvironmentName) -> None:
    """An environment is planned whole, in its own account."""
    text = (plans / f"{name}.json").read_text()
    found = resources(json.loads(text))
    assert set(re.findall(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):", text)) == {ACCOUNTS[name]}
    environment = "prod" if name == "failover" else name
    functions = [of["values"]["function_name"] for of in found if of["type"] == "aws_lambda_function"]
    assert len(functions) == len(function_names()) == 8
    assert all(function.endswith(f"-{environment}") for function in functions)
    # The home region makes the fail-over's replicas of the orders table and of the buckets.
    tables = [of["values"]["name"] for of in found if of["type"] == "aws_dynamodb_table"]
    assert len(tables) == (1 if name == "failover" else 2)
    buckets = {of["values"]["bucket"] for of in found if of["type"] == "aws_s3_bucket"}
    assert len(buckets) == {"dev": 2, "sit": 2, "prod": 4, "failover": 0}[name]
    assert [of for of in found if of["type"] == "aws_cognito_user_pool"]


def test_plan_with_other_credentials_is_refused(plans: Path) -> None:
    """An environment is not planned with the credentials of another account."""
    status, printed = json.loads((plans / "refused.json").read_text())
    assert status != 0
    assert "AWS account ID not allowed: 815856636111" in printed


def dependencies(graph: str, of: str) -> set[str]:
    """Everything that a resource waits for, by the text of `terraform graph`."""
    edges = re.findall(r'"(?:\[root\] )?([^"]+)" -> "(?:\[root\] )?([^"]+)"', graph)
    found, new = set[str](), {of}
    while new:
        new = {target for source, target in edges if source in new} - found
        found |= new
    return found


@pytest.mark.parametrize("bucket", ["orders_bucket", "templates_bucket"])
def test_objects_wait_for_replication(plans: Path, bucket: str) -> None:
    """No object is written before its rule of replication exists, and no rule before S3 may replicate.

    S3 does not replicate objects that are older than the rule. Source: Amazon S3 User Guide, "What does Amazon S3
    replicate?" and "Replicating existing objects".
    """
    graph = (plans / "graph").read_text()
    objects, rule, policy = (
        f"module.{bucket}.{name}"
        for name in (
            "aws_s3_object.this",
            "aws_s3_bucket_replication_configuration.this",
            "aws_iam_role_policy.replication",
        )
    )
    assert {rule, policy} <= dependencies(graph, objects)
    assert policy in dependencies(graph, rule)
