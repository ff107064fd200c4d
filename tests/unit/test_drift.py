"""Which planned changes are drift, and which only show that `make watch` deployed code without Terraform."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from cli import release
from localstack import redeploy
from localstack.stack import Stack
from localstack.terraform import LocalTerraform
from release import deploy, pipeline
from release.manifest import Sha256
from release.traffic import Shares

BEFORE = {"source_code_hash": "old", "version": "1", "timeout": 30, "environment": [{"variables": {"A": "b"}}]}


def planned(after: dict[str, Any], actions: str = "update", of: str = "aws_lambda_function") -> dict[str, Any]:
    """A change as `terraform show -json` prints it; the version is known only after an apply."""
    kept = {name: value for name, value in BEFORE.items() if name != "version"}
    unknown = {"version": True, "environment": [{"variables": {}}]}
    change = {"actions": [actions], "before": BEFORE, "after": {**kept, **after}, "after_unknown": unknown}
    return {"address": f"{of}.it", "type": of, "change": change}


def differences(stack: Stack, monkeypatch: pytest.MonkeyPatch, *plan: dict[str, Any], outdated: str = "") -> list[str]:
    """The differences that a plan and the packages show."""
    monkeypatch.setattr(LocalTerraform, "changes", lambda _: list(plan))
    monkeypatch.setattr(redeploy, "outdated", lambda *_: {outdated: b""} if outdated else {})
    return redeploy.differences(stack)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack without an engine."""
    return Stack(tmp_path, ports={"engine": 1, "cart": 2})


def test_planned_code_is_compared_with_functions(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code is drift only if the functions do not run it."""
    code = planned({"source_code_hash": "new"})
    assert differences(stack, monkeypatch, code) == []
    assert differences(stack, monkeypatch, code, outdated="get_order") == ["the code of get_order"]
    assert differences(stack, monkeypatch, outdated="get_order") == ["the code of get_order"]


@pytest.mark.parametrize(
    "change",
    [
        planned({"source_code_hash": "new", "timeout": 3}),
        planned({"source_code_hash": "new", "environment": [{"variables": {"A": "c"}}]}),
        planned({"source_code_hash": "new"}, of="aws_lambda_layer_version"),
        {**planned({}), "change": {"actions": ["delete"], "before": BEFORE, "after": None, "after_unknown": {}}},
        {**planned({}), "change": {"actions": ["create"], "before": None, "after": BEFORE, "after_unknown": {}}},
    ],
    ids=["attribute", "nested attribute", "other resource", "deleted", "created"],
)
def test_other_planned_change_is_drift(stack: Stack, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    """Every other planned change is drift."""
    assert differences(stack, monkeypatch, change) == [change["address"]]


def test_differences_are_shown_before_they_are_published(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A role that may not publish an alert still sees what differs."""
    plan = deploy.Planned(environment="dev", release=Sha256("0" * 64), at=datetime.now(UTC), changes=[])
    found = pipeline.Drift(plan, {"bbws-order-lambda-get-order-dev": Shares("3", {})})
    refused = ClientError({"Error": {"Code": "AuthorizationError", "Message": "not authorized"}}, "Publish")
    monkeypatch.setattr(pipeline, "drift", lambda *_: found)
    monkeypatch.setattr(pipeline, "publish_drift", Mock(side_effect=refused))
    with pytest.raises(ClientError, match="not authorized"):
        release.drift("dev")
    assert "bbws-order-lambda-get-order-dev: 100% version 3" in capsys.readouterr().err
