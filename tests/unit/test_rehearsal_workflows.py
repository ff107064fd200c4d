"""The rehearsal runs GitHub's workflows as they are: the copy for act, which steps run, and which are listed."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
import yaml

from labs.rehearsal import act, shell, shortened, workflows
from labs.rehearsal.act import Outcome
from labs.rehearsal.workflows import Step, Workflows
from localstack.stack import StackError
from tooling.paths import ROOT

WORKFLOWS = Workflows()
FILES = sorted((workflows.FOLDER / "workflows").glob("*.yml"))
# What labs/rehearsal/run.py starts.
STARTED = ("deploy-dev", "promote-sit", "promote-prod", "drift", "rollback", "failover")
APT = next(step for step in WORKFLOWS.steps() if step.label.startswith("sudo apt-get "))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_copy_for_act_differs_in_two_kinds_of_lines(path: Path) -> None:
    """The copy has paths that act knows, and no queue; every other line is the workflow's."""
    text = path.read_text()
    changed = [
        line
        for line in unified_diff(text.splitlines(), workflows.for_act(text).splitlines(), n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]
    removed = [line[1:].strip() for line in changed if line.startswith("-")]
    added = [line[1:].strip() for line in changed if line.startswith("+")]
    assert [line.replace("$/", "./") for line in removed if line != "queue: max"] == added
    assert all(line.removeprefix("- ").startswith("uses: ./.github/") for line in added)
    assert "uses: $/" not in workflows.for_act(text)
    assert "queue" not in [key for job in yaml.safe_load(workflows.for_act(text))["jobs"].values() for key in job]


def test_copy_for_act_keeps_text_of_steps() -> None:
    """A path or a queue in what a step runs is not rewritten."""
    text = "steps:\n  - run: echo uses: $/x\n  - run: |\n      queue: maximum\n"
    assert workflows.for_act(text) == text


def test_steps_of_jobs_are_distinct() -> None:
    """Each step has a name of its own, so that none hides behind another."""
    steps = WORKFLOWS.steps()
    assert len(steps) == len({*steps})
    assert Step("deploy-dev", "deploy", "actions/download-artifact (evidence-local)") in steps
    assert Step("actions/machine", "", "hashicorp/setup-terraform") in steps


def test_left_out_steps_exist() -> None:
    """Each reason to leave something out belongs to a step, and each job with fewer tests exists."""
    labels = [step.label for step in WORKFLOWS.steps()]
    for start in shortened.LEFT_OUT:
        assert sum(label.startswith(start) for label in labels) == 1, start
    jobs = {(step.file, step.job) for step in WORKFLOWS.steps()}
    assert {*shortened.NOT_STARTED, *shortened.LEFT_OUT_JOBS, *shortened.FEWER_TESTS} <= jobs
    assert {step.file for step in WORKFLOWS.not_to_run() if step.job} == {
        "bare-machine",
        "conformance",
        "e2e",
        "test",
        "promote-sit",
        "validate",
    }


def test_each_workflow_is_started_or_listed() -> None:
    """A job belongs to a workflow that the rehearsal starts, or that one of those calls; all others are listed."""
    calls = {path.stem: re.findall(r"uses: \$/\.github/workflows/([\w-]+)\.yml", path.read_text()) for path in FILES}
    started = {*STARTED, *(called for workflow in STARTED for called in calls[workflow])}
    rest = {(step.file, step.job) for step in WORKFLOWS.steps() if step.job and step.file not in started}
    assert rest == {*shortened.NOT_STARTED}


def test_documented_list_of_what_does_not_run_is_complete() -> None:
    """docs/release.md names each step that a rehearsal does not run, and each job with fewer tests."""
    lines = [f"- not run: {step} ({reason})" for step, reason in WORKFLOWS.not_to_run().items()]
    lines += [f"- fewer tests: {', '.join(job)} ({arguments})" for job, arguments in shortened.FEWER_TESTS.items()]
    text = "\n".join(lines)
    assert f"\n```text\n{text}\n```\n" in (ROOT / "docs" / "release.md").read_text()


def test_steps_that_ran_and_the_listed_ones_are_all_steps() -> None:
    """A step that neither ran nor is listed is found, and so is a listed one that ran."""
    everything, listed = {*WORKFLOWS.steps()}, {*WORKFLOWS.not_to_run()}
    static = Step("validate", "validate", "bin/test static")
    assert WORKFLOWS.unaccounted(everything - listed) == set()
    assert WORKFLOWS.unaccounted(everything - listed - {static}) == {static}
    assert WORKFLOWS.unaccounted(everything - listed | {APT}) == {APT}


def test_step_of_act_is_found_by_number_or_id() -> None:
    """act names a step by its id, or else its number, and a step of our own action after it."""
    assert WORKFLOWS.step("validate", "validate", ["2"]) == Step("validate", "validate", "bin/test static")
    assert WORKFLOWS.step("e2e", "embedded", ["pack"]) == Step(
        "e2e", "embedded", "actions/upload-artifact (evidence-local)"
    )
    assert WORKFLOWS.step("validate", "validate", ["1", "2"]) == APT
    assert WORKFLOWS.step("validate", "validate", ["0", "stand-in"]) is None
    assert WORKFLOWS.step("validate", "validate", ["99"]) is None


@pytest.mark.parametrize(
    ("workflow", "job", "inputs", "role", "environment"),
    [
        ("promote-prod", "business-owner", {}, "", "prod-business-owner"),
        ("rollback", "rollback", {"environment": "sit"}, "", "sit"),
        ("drift", "drift", {}, "arn:aws:iam::815856636111:role/github-2-bbws-order-lambda-sit-drift", "sit-drift"),
        ("validate", "validate", {}, "", ""),
    ],
)
def test_environment_of_job(workflow: str, job: str, inputs: dict[str, str], role: str, environment: str) -> None:
    """A job's environment is named, an input, or in the row of the matrix that has its role."""
    assert WORKFLOWS.environment(workflow, job, inputs, role) == environment


def event(job: str, job_id: str, ids: list[str], text: str, **more: Any) -> str:
    """A line of act's log."""
    return json.dumps({"job": job, "jobID": job_id, "stepID": ids, "stage": "Main", "msg": text, **more})


def lines() -> Iterator[str]:
    """The log of a push in which the types are wrong: it begins with a line that is no JSON."""
    called = "validate/validate/style, imports, security, types, Terraform  "
    yield "a warning of act\n"
    yield event(called, "validate", ["1", "2"], f"{shell.MARK}it would\n", raw_output=True)
    yield event(called, "validate", ["1", "2"], "Success", stepResult="success", executionTime=5_000_000)
    yield event(called, "validate", ["1"], "Success", stepResult="success", executionTime=1_000_000_000)
    yield event(called, "validate", ["2"], "mypy: x.py:1: wrong\n", raw_output=True)
    yield event(called, "validate", ["2"], "Failure", stepResult="failure", executionTime=2_500_000_000)
    yield event(called, "validate", ["3"], "Skipped", stepResult="skipped")
    left_out = "e2e/e2e/the release on LocalStack"
    yield event(left_out, "localstack", ["3", "stand-in"], f"{shell.MARK}it would\n", raw_output=True)
    yield event(left_out, "localstack", ["3"], "Success", stepResult="success")
    yield event("deploy-dev/the release in dev", "deploy", ["6"], "Failure", stepResult="failure")


def test_log_of_act_shows_what_ran() -> None:
    """Steps that ended, were left out or failed are known, a failure with its last lines, and skipped ones are not."""
    outcome = Outcome("deploy-dev", 1)
    text = list(act.read(WORKFLOWS, outcome, lines()))
    assert text[0] == "a warning of act"
    assert [each.step for each in outcome.ended if each.left_out] == [
        APT,
        Step("e2e", "localstack", "actions/download-artifact (release)"),
    ]
    static = Step("validate", "validate", "bin/test static")
    upload = Step("deploy-dev", "deploy", "bin/release deploy --to dev")
    assert outcome.ran == {Step("validate", "validate", "$/.github/actions/machine"), static, upload}
    assert outcome.seconds_of("validate") == pytest.approx(3.5)
    with pytest.raises(StackError, match=r"deploy-dev failed\nvalidate, validate: bin/test static:\nmypy: x.py:1"):
        outcome.checked()


def test_jobs_get_nothing_of_the_shell() -> None:
    """Jobs get where programs are and how packages are downloaded, and no credentials or settings of the shell."""
    kept = {"PATH": "/bin", "HOME": "/home/thandi", "PIP_INDEX_URL": "https://pypi.example", "no_proxy": "localhost"}
    others = (
        "AWS_PROFILE",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "STACK_DIR",
        "TEST_ARGUMENTS",
        "TF_VAR_x",
        "MAKEFLAGS",
    )
    assert act.clean_environment(kept | dict.fromkeys(others, "x")) == kept


def test_run_past_its_deadline_is_interrupted() -> None:
    """A run that hangs is interrupted, with the lines that it printed until then, and reported."""
    found: list[str] = []
    command = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    with pytest.raises(StackError, match="drift: not finished after 2 s"):
        act.stream("drift", command, os.environ, 2, found.extend)
    assert found[0] == "begun\n"


def test_run_whose_lines_cannot_be_read_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ignores the interrupt after an error of ours is killed, and the error is reported."""
    monkeypatch.setattr(act, "_GRACE_SECONDS", 0.5)
    started = time.monotonic()
    command = ["sh", "-c", "trap '' INT; echo begun; sleep 120"]
    with pytest.raises(ValueError, match="begun"):
        act.stream("drift", command, os.environ, 300, lambda lines: [*map(int, lines)].clear())
    assert time.monotonic() - started < 60


def test_status_of_run_is_returned() -> None:
    """A run that fails is not an error yet: some must fail."""
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert act.stream("drift", command, os.environ, 60, lambda lines: [*lines].clear()) == 3
