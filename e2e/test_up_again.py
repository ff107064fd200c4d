"""`make up` on a stack that is up: quick when nothing needs Terraform, and a repair when something does."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from e2e.tenant import Tenant
from localstack import engines
from localstack.redeploy import redeploy
from localstack.targets import Platform
from tooling.paths import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.sidecars, pytest.mark.embedded]

SECONDS = 300
TERRAFORM = "Terraform apply"


def run(tree: Path, *arguments: str) -> str:
    """What a command of the local stack prints, in a tree."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.ops", "stack", *arguments],
        cwd=tree,
        env={**os.environ, "STACK_DIR": str(engines.require().directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def up(tree: Path = ROOT) -> str:
    """What `make up` prints, in a tree."""
    release = engines.require().release
    return run(tree, "up", *(("--release-dir", release) if release else ()))


def test_terraform_looks_when_something_was_changed_by_hand_and_not_else(platform: Platform, tenant: Tenant) -> None:
    up()
    correlation = f"up-{uuid4()}"
    tenant.invoiced(tenant.place(correlation))
    tenant.mails(correlation, 2)
    assert TERRAFORM not in up(), "what passes through a stack changes nothing of it"

    aws, topic = platform.aws, platform.outputs["events_topic_arn"]
    role, function = (platform.outputs[names]["get_order"] for names in ("role_names", "function_names"))
    alarm = platform.outputs["alarm_names"][0]

    def subscriptions() -> list[Any]:
        found = aws.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        return sorted(found, key=lambda subscription: subscription["Endpoint"])

    def state() -> list[object]:
        return [
            aws.iam.get_role_policy(RoleName=role, PolicyName="function")["PolicyDocument"],
            aws.functions.get_function_configuration(FunctionName=function)["Timeout"],
            aws.cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["Threshold"],
            [subscription["Endpoint"] for subscription in subscriptions()],
        ]

    before = state()
    aws.iam.delete_role_policy(RoleName=role, PolicyName="function")
    aws.functions.update_function_configuration(FunctionName=function, Timeout=3)
    aws.cloudwatch.delete_alarms(AlarmNames=[alarm])
    aws.sns.unsubscribe(SubscriptionArn=subscriptions()[0]["SubscriptionArn"])
    said = up()
    for call in ("DeleteAlarms", "DeleteRolePolicy", "Unsubscribe", "UpdateFunctionConfiguration"):
        assert f":{call}" in said, "it says why Terraform looks"
    assert state() == before
    assert TERRAFORM not in up()


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """A copy of this tree; afterwards the stack has what is in this tree again."""
    if engines.require().release:
        pytest.skip("the stack runs a release, which no tree changes")
    names = ("common", "fixtures", "functions", "localstack", "release", "requirements", "templates", "terraform")
    for name in names:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    for name in ("libraries", "packages"):
        shutil.copytree(ROOT / "build" / name, tmp_path / "build" / name)
    yield tmp_path
    redeploy(engines.require())


def test_a_changed_handler_needs_no_terraform_and_is_no_drift(copy: Path) -> None:
    up()
    handler = copy / "functions" / "get_order" / "handler.py"
    handler.write_text(handler.read_text() + "\n# changed\n")
    said = up(copy)
    assert "built get_order\n" in said
    assert TERRAFORM not in said
    assert "the stack is as its Terraform made it" in run(copy, "drift")
