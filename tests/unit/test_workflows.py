"""The workflows call this project's commands and hold no logic of their own."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.build import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_line_is_a_make_target(path: Path) -> None:
    runs = [step["run"] for step in steps(path) if "run" in step]
    assert runs
    for run in runs:
        program, *words = run.split()
        assert program == "make"
        assert {word for word in words if "=" not in word} <= TARGETS, run


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    action = load(ROOT / ".github" / "actions" / "machine" / "action.yml")
    for step in [*steps(path), *action["runs"]["steps"]]:
        if "uses" in step and not step["uses"].startswith("$/"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]), step["uses"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_little_and_not_for_long(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"].startswith(path.stem)
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 20


def test_the_workflows_together_run_what_make_test_runs() -> None:
    rule = re.search(r"^test: ([a-z0-9 -]+?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule
    called = {word for path in WORKFLOWS for step in steps(path) for word in step.get("run", "").split()}
    assert set(rule[1].split()) <= called


def test_terraform_is_recent_enough() -> None:
    (setup,) = [
        step
        for step in load(ROOT / ".github" / "actions" / "machine" / "action.yml")["runs"]["steps"]
        if "setup-terraform" in step.get("uses", "")
    ]
    assert tuple(map(int, setup["with"]["terraform_version"].split("."))) >= (1, 10, 0)
