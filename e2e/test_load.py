"""The load test itself, for some seconds, on the local stack."""

import json
import subprocess

import pytest

from e2e.queues import drain
from labs.load.steps import from_json
from localstack.targets import Platform
from tooling.commands import outside_make
from tooling.paths import ROOT

# Installing Locust is in it.
SECONDS = 300
_DRAINED_SECONDS = 120

pytestmark = [pytest.mark.alone, pytest.mark.sidecars, pytest.mark.embedded]


def _users(platform: Platform) -> set[str]:
    pages = platform.aws.cognito.get_paginator("list_users").paginate(UserPoolId=platform.outputs["user_pool_id"])
    return {user["Username"] for page in pages for user in page["Users"]}


def test_orders_are_placed_at_the_rate_that_is_asked_for(platform: Platform) -> None:
    users = _users(platform)
    done = subprocess.run(
        ["make", "--no-print-directory", "load", "RATES=12", "SECONDS=6", "GATE=12"],
        cwd=ROOT,
        env=outside_make(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    folder = ROOT / "build" / "load" / "local"
    # make gives 2 for a command that failed: the gate.
    assert done.returncode in (0, 2), done.stdout + done.stderr
    steps = [from_json(content) for content in json.loads((folder / "steps.json").read_text())]
    assert (folder / "table.md").read_text().count("\n| ") == len(steps) + 1
    assert "<svg" in (folder / "latency.svg").read_text()
    # How fast this machine answers is its own affair; that nothing is refused is not.
    assert [step.errors for step in steps] == [{}] * len(steps)
    assert steps[0].rate == 12
    assert steps[0].times["POST order"].n > 0
    assert ("does not hold" in done.stdout) == bool(done.returncode) == any(step.broken for step in steps)
    assert _users(platform) == users
    drain(platform, _DRAINED_SECONDS)
