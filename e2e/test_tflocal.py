"""tflocal and awslocal by hand, in a shell with the variables that `bin/ops stack env` prints."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e import working_tree
from localstack import engines
from localstack.targets import Platform
from tooling.paths import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

SECONDS = 600
Shell = Callable[[str], str]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a line in a shell that has the variables, with a copy of the stack's Terraform at $COPY."""
    # tflocal writes into the folder of the configuration, which other tests and stacks use.
    copy, release = tmp_path / "copy", engines.require().release
    if release:
        shutil.copytree(release, copy)
    else:
        working_tree.copy_to(copy, "packages")

    def run(line: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", f'variables=$(bin/ops stack env); eval "$variables"; {line}'],
            cwd=ROOT,
            env={**os.environ, "COPY": str(copy), "STACK_DIR": str(engines.require().directory)},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout[-4_000:]}{done.stderr[-4_000:]}"
        return done.stdout

    return run


def test_tflocal_applies_and_then_plans_nothing(shell: Shell) -> None:
    """`tflocal apply` succeeds on the running stack, and a plan after it is empty and as `make up` would have it."""
    assert "Apply complete!" in shell('tflocal -chdir="$COPY/terraform" apply -auto-approve -no-color -parallelism=40')
    # 2 would say that the plan has changes.
    assert "No changes." in shell('tflocal -chdir="$COPY/terraform" plan -detailed-exitcode -no-color -parallelism=40')
    assert "the stack matches its Terraform" in shell("bin/ops stack drift")


def test_tflocal_works_inside_the_folder(shell: Shell) -> None:
    """`tflocal init` and `tflocal plan` also work in the folder of the configuration, where tflocal sets the state."""
    shell('cd "$COPY/terraform"; tflocal init -no-color; tflocal plan -no-color -parallelism=40')


def test_awslocal_calls_the_stack(shell: Shell, platform: Platform) -> None:
    """`awslocal` and `aws` list what the stack has."""
    names = set(platform.outputs["queue_names"].values())
    for program in ("awslocal", "aws"):
        found = json.loads(shell(f"{program} sqs list-queues --output json"))["QueueUrls"]
        assert names <= {url.rpartition("/")[2] for url in found}
        assert platform.outputs["orders_bucket"] in shell(f"{program} s3 ls")
