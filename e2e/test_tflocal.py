"""tflocal and awslocal by hand, in a shell with the variables that `bin/ops stack env` prints."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e import working_tree
from localstack import engines, packages
from localstack.targets import Platform
from tooling.paths import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

SECONDS = 600
Shell = Callable[[str], str]
# Of a shell that is signed in to an account, behind a proxy that does not respond, with settings for Terraform.
SIGNED_IN = {
    **{"AWS_PROFILE": "nobody-has-this", "AWS_SESSION_TOKEN": "mine", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"},
    **{"TF_WORKSPACE": "mine", "TF_VAR_log_level": "DEBUG", "HTTP_PROXY": "http://127.0.0.1:9"},
}


def bash(script: str, **variables: str) -> str:
    """Run a script with further environment variables; returns what it prints on standard output."""
    environment = {**os.environ, "STACK_DIR": str(engines.require().directory), **variables}
    command = ["bash", "-ec", script]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, f"{script}: {done.returncode}\n{done.stdout[-4_000:]}{done.stderr[-4_000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def variables() -> str:
    """What `bin/ops stack env` prints."""
    return bash("bin/ops stack env")


@pytest.fixture
def shell(tmp_path: Path, variables: str) -> Shell:
    """Runs a line in a shell that has the variables, with a copy of the stack's Terraform at $COPY."""
    # tflocal writes into the folder of the configuration, which other tests and stacks use.
    stack = engines.require()
    if stack.release:
        copy = shutil.copytree(stack.release, tmp_path / "copy")
    else:
        copy = working_tree.copy_to(tmp_path, packages.package(stack, "get_order").parent.name)
    return lambda line: bash(f'eval "$VARIABLES"; {line}', VARIABLES=variables, COPY=str(copy), **SIGNED_IN)


def test_tflocal_applies_and_then_plans_nothing(shell: Shell) -> None:
    """`tflocal apply` succeeds on the running stack, and a plan after it is empty and as `make up` would have it.

    Apply runs outside the folder of the configuration, init and plan in it, where tflocal sets the state itself.
    """
    assert "Apply complete!" in shell('tflocal -chdir="$COPY/terraform" apply -auto-approve -no-color -parallelism=40')
    # 2 would say that the plan has changes.
    plan = "tflocal plan -detailed-exitcode -no-color -parallelism=40"
    assert "No changes." in shell(f'cd "$COPY/terraform"; tflocal init -no-color; {plan}')
    assert "the stack matches its Terraform" in shell("bin/ops stack drift")


def test_awslocal_calls_the_stack(shell: Shell, platform: Platform) -> None:
    """`awslocal` lists what the stack has."""
    queues = json.loads(shell("awslocal sqs list-queues --output json"))["QueueUrls"]
    assert set(platform.outputs["queue_names"].values()) <= {url.rpartition("/")[2] for url in queues}
    assert platform.outputs["orders_bucket"] in shell("awslocal s3 ls")
