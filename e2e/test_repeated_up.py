"""`make up` on a running stack: it skips Terraform when nothing has changed, and repairs what has."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from e2e import working_tree
from e2e.tenant import Tenant
from localstack import engines, seed
from localstack import stack as stacks
from localstack.redeploy import redeploy
from localstack.targets import Platform
from tooling.paths import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

SECONDS = 300
TERRAFORM = "Terraform apply"


def run(tree: Path, *arguments: str) -> str:
    """Run a command of the local stack in a working tree; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.ops", "stack", *arguments],
        cwd=tree,
        env={**os.environ, "STACK_DIR": str(stacks.default_directory())},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def up(tree: Path = ROOT) -> str:
    """Bring the stack up from a working tree; returns what is printed."""
    release = engines.require().release
    return run(tree, "up", *(("--release-dir", release) if release else ()))


def test_up_repairs_what_was_changed_by_hand(platform: Platform, tenant: Tenant) -> None:
    """A second start repairs what was changed by hand; where CloudTrail knows of changes, Terraform runs only then."""
    skips = "CloudTrail" not in engines.lacks(engines.require().engine)
    if skips:
        up()
        correlation = f"up-{uuid4()}"
        tenant.invoiced(tenant.place(correlation))
        tenant.mails(correlation, 2)
        assert TERRAFORM not in up(), "orders and mails change no resource"

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
    printed = up()
    assert state() == before
    if skips:
        for call in ("DeleteAlarms", "DeleteRolePolicy", "Unsubscribe", "UpdateFunctionConfiguration"):
            assert f":{call}" in printed, "it names the calls that made Terraform run"
        assert TERRAFORM not in up()


@contextmanager
def copy_of_tree(folder: Path) -> Iterator[Path]:
    """A copy of the working tree; afterwards the stack runs the original again."""
    copy = working_tree.copy_to(folder, "libraries", "packages")
    try:
        yield copy
    finally:
        redeploy(engines.require())


@pytest.mark.needs("snapshots")
def test_up_after_the_engine_was_killed(platform: Platform) -> None:
    """`make up` replaces an engine that was killed, without Terraform, and leaves no process of the old one."""
    stack = engines.require()
    old = psutil.Process(stack.running["engine"].pid)
    family = [old, *old.children(recursive=True)]
    old.kill()
    assert TERRAFORM not in run(ROOT, "up", *(("--release-dir", stack.release) if stack.release else ()))
    _, alive = psutil.wait_procs(family, SECONDS)
    assert alive == []
    assert engines.require().running["engine"].pid != old.pid
    assert seed.token(engines.require(), seed.users()[0]["email"])


@pytest.mark.needs("snapshots")
def test_reset_and_changed_handler_need_no_terraform(platform: Platform, tenant: Tenant, tmp_path: Path) -> None:
    """`make reset` gives an empty stack with its users, `make up` deploys a handler on it, and neither is drift."""
    correlation = f"reset-{uuid4()}"
    tenant.invoiced(tenant.place(correlation))
    tenant.mails(correlation, 2)
    printed = run(ROOT, "reset")
    assert TERRAFORM not in printed, "a snapshot of the first start matches"
    orders = platform.aws.dynamodb.query(
        TableName=platform.outputs["orders_table"],
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"TENANT#{tenant.id}"}},
    )
    assert (orders["Count"], list(engines.require().mail_dir.glob("*.eml"))) == (0, [])
    assert seed.token(engines.require(), seed.users()[0]["email"])
    if engines.require().release:
        # No working tree whose handler could be changed.
        assert "the stack matches its Terraform" in run(ROOT, "drift")
        return
    with copy_of_tree(tmp_path) as copy:
        handler = copy / "functions" / "get_order" / "handler.py"
        handler.write_text(handler.read_text() + "\n# changed\n")
        printed = up(copy)
        assert "built get_order\n" in printed
        assert TERRAFORM not in printed
        assert "the stack matches its Terraform" in run(copy, "drift")
