"""The load test itself, for some seconds, on the local stack."""

import json
import os
import subprocess

import pytest

from e2e.queues import drain
from localstack.targets import Platform
from tooling.paths import ROOT

# Includes the installation of Locust.
SECONDS = 300
_DRAINED_SECONDS = 120

pytestmark = [pytest.mark.alone, pytest.mark.timed, pytest.mark.sidecars, pytest.mark.needs("Cognito")]


def _users(platform: Platform) -> set[str]:
    pages = platform.aws.cognito.get_paginator("list_users").paginate(UserPoolId=platform.outputs["user_pool_id"])
    return {user["Username"] for page in pages for user in page["Users"]}


def test_load_gate_of_five_requests_a_second_holds(platform: Platform) -> None:
    """The stack holds the agreed limits at five requests a second, and no user of the load test is left."""
    users = _users(platform)
    ended = subprocess.run(
        ["make", "--no-print-directory", "load", "RATES=5", "SECONDS=15", "GATE=5"],
        cwd=ROOT,
        # Where Locust would send the customers' tokens.
        env=os.environ | {"LOCUST_HOST": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "The gate of 5 requests a second holds" in ended.stdout
    folder = ROOT / "build" / "load" / "local"
    (step,) = json.loads((folder / "steps.json").read_text())
    assert (step["rate"], step["errors"], step["broken"]) == (5, {}, [])
    posts, *_ = step["times"]["POST order"]
    assert posts > 0
    assert (folder / "table.md").read_text().count("\n| ") == 2
    assert "<svg" in (folder / "latency.svg").read_text()
    assert _users(platform) == users
    drain(platform, _DRAINED_SECONDS)
