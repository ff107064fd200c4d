"""Workflows call this project's commands, hold no logic, and let nothing past an approval.

zizmor and the schemas (`make lint`) check GitHub's rules; these tests check the project's (docs/release.md).
"""

import inspect
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import release
from release.environments import ENVIRONMENTS, EnvironmentName
from tests.support import command_lines
from tooling.paths import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / ".github" / "actions" / "machine" / "action.yml"
ACCOUNTS = dict(
    re.findall(r'^ +(dev|sit|prod) += "(\d{12})"$', (ROOT / "terraform" / "variables.tf").read_text(), re.MULTILINE)
)
Key = tuple[str, str]
PROMOTIONS: dict[str, EnvironmentName] = {"promote-sit": "sit", "promote-prod": "prod"}
CHECKS = ("validate", "test", "package", "e2e")
ATTEST = ("deploy-dev", "attest")
TRIGGERS = {
    **{key: {"workflow_call"} for key in CHECKS},
    **{key: {"workflow_dispatch"} for key in ("promote-sit", "promote-prod", "rollback", "failover")},
    **{key: {"schedule", "workflow_dispatch"} for key in ("drift", "conformance", "bare-machine")},
    "pull-request": {"pull_request"},
    "deploy-dev": {"push"},
}
# The environment that each job deploys to; `rollback` takes the one that was chosen.
DEPLOYING: dict[Key, str] = {
    ("deploy-dev", "deploy"): "dev",
    ("promote-sit", "promote"): "sit",
    ("promote-prod", "promote"): "prod",
    ("rollback", "rollback"): "${{ inputs.environment }}",
    ("failover", "failover"): "prod",
}
# In an incident, without a record for a promotion.
UNRECORDED: set[Key] = {("rollback", "rollback"), ("failover", "failover")}
PROMOTING = {(workflow, "promote") for workflow in PROMOTIONS}
SIGNING_IN = {*DEPLOYING, *((workflow, "evidence") for workflow in PROMOTIONS), ("drift", "drift")}
EVEN_AFTER_FAILURE = "${{ !cancelled() }}"


def load(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads its key `on` as true."""
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


WORKFLOWS = {path.stem: load(path) for path in FILES}
JOBS: dict[Key, dict[str, Any]] = {
    (workflow, name): job for workflow, content in WORKFLOWS.items() for name, job in content["jobs"].items()
}
STEPS = [(key, step) for key, job in JOBS.items() for step in job.get("steps", [])]
RUNS = [(key, step) for key, step in STEPS if "run" in step]


def runs(key: Key, summary: bool = False) -> list[str]:
    """The lines that a job runs, usually without the summary of its evidence."""
    lines = [step["run"] for step in JOBS[key].get("steps", []) if "run" in step]
    return [line for line in lines if summary or not line.startswith("bin/release summary")]


def using(key: Key, action: str) -> list[dict[str, Any]]:
    """The inputs of each use of an action in a job."""
    return [step["with"] for step in JOBS[key].get("steps", []) if step.get("uses", "").startswith(f"{action}@")]


def artifacts(action: str, evidence: bool) -> dict[Key, dict[str, Any]]:
    """The artifacts that jobs keep or take: those of the evidence pack, or all others."""
    return {
        key: each
        for key in JOBS
        for each in using(key, f"actions/{action}-artifact")
        if str(each["path"]).startswith("build/evidence") is evidence
    }


def roles(key: Key) -> dict[str, str]:
    """The role that a job signs in with, by its environment."""
    job = JOBS[key]
    (sign_in,) = using(key, "aws-actions/configure-aws-credentials")
    role = sign_in["role-to-assume"]
    if role == "${{ matrix.role }}":
        assert job["environment"] == "${{ matrix.environment }}-drift"
        return {f"{row['environment']}-drift": row["role"] for row in job["strategy"]["matrix"]["include"]}
    chosen = re.fullmatch(r"\$\{\{ fromJSON\('(.*)'\)\[inputs\.environment\] \}\}", role, re.DOTALL)
    if chosen:
        assert job["environment"] == "${{ inputs.environment }}"
        return dict(json.loads(chosen[1]))
    return {job["environment"]: role}


def test_each_line_is_one_existing_command() -> None:
    """A line is one command; a value from outside comes as a quoted variable, never as an expression."""
    for key, step in RUNS:
        line = step["run"]
        assert re.fullmatch(r'bin/(ops|release|test)( [\w./-]+| "\$[A-Z]+")+', line), f"{key}: {line}"
        given = {**JOBS[key].get("env", {}), **step.get("env", {})}
        assert set(re.findall(r"\$([A-Z]+)", line)) <= set(given), f"{key}: {line}"
        (call,) = command_lines.calls(line)
        command_lines.check(call)


def test_no_step_has_a_condition() -> None:
    """No step has a condition or continues after an error, except the upload of evidence."""
    for key, step in STEPS:
        evidence = step.get("run", "").startswith("bin/release summary") or step.get("id") == "pack"
        assert not {"continue-on-error", "shell"} & set(step), key
        assert "if" not in step or (evidence and step["if"] == EVEN_AFTER_FAILURE), key
    conditions = {key: job["if"] for key, job in JOBS.items() if "if" in job}
    assert conditions == {("conformance", "licensed"): "vars.LOCALSTACK == 'true'"}
    assert not any("continue-on-error" in job for job in JOBS.values())


@pytest.mark.parametrize("path", [*FILES, ACTION], ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    """An action of others is pinned by commit and names its version; our own are part of this commit."""
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    for action, comment in used:
        if action.startswith("$/"):
            assert (ROOT / action.removeprefix("$/")).exists(), action
        else:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action + comment), action


def test_triggers_are_the_expected_ones() -> None:
    """`pull_request_target` and `workflow_run` would give a stranger's change this project's permissions."""
    assert {workflow: set(content["on"]) for workflow, content in WORKFLOWS.items()} == TRIGGERS
    assert WORKFLOWS["deploy-dev"]["on"]["push"] == {"branches": ["main"]}


def test_jobs_have_only_needed_permissions() -> None:
    """A job reads the repository; only those that sign in, sign, or read approvals may do more."""
    assert all(content["permissions"] == {} for content in WORKFLOWS.values())
    read, sign_in = {"contents": "read"}, {"id-token": "write"}
    for key, job in JOBS.items():
        needed = {"attestations": "write", **sign_in} if key == ATTEST else read
        needed = needed | (sign_in if key in SIGNING_IN else {}) | ({"actions": "read"} if key in PROMOTING else {})
        assert job["permissions"] == needed, key


def test_credentials_are_short_lived_and_not_kept() -> None:
    """No job outlives its credentials, keeps them, or prints them."""
    for key, job in JOBS.items():
        assert "uses" in job or job["timeout-minutes"] <= 60, key
        for checkout in using(key, "actions/checkout"):
            assert checkout["persist-credentials"] is False
        for sign_in in using(key, "aws-actions/configure-aws-credentials"):
            assert set(sign_in) == {"aws-region", "role-duration-seconds", "role-to-assume"}
            assert job["timeout-minutes"] * 60 <= sign_in["role-duration-seconds"] <= 3600
    assert not any("DEBUG" in path.read_text() for path in FILES)


def test_secrets_reach_only_the_steps_that_need_them() -> None:
    """LocalStack's token is the one secret; GitHub's own token is for the command that reads approvals."""
    texts = [path.read_text() for path in FILES]
    assert {name for text in texts for name in re.findall(r"secrets\.(\w+)", text)} == {"LOCALSTACK_AUTH_TOKEN"}
    assert not any("inherit" in text for text in texts)
    localstack, github = (
        [step["run"] for _, step in RUNS if name in step.get("env", {})]
        for name in ("LOCALSTACK_AUTH_TOKEN", "GITHUB_TOKEN")
    )
    assert all("--engine localstack" in line for line in localstack)
    assert all(line.startswith("bin/release promote ") for line in github)
    assert {key for key, step in RUNS if step["run"].startswith("bin/release promote ")} == PROMOTING
    assert sum(text.count("github.token") for text in texts) == len(github) == len(PROMOTING)


def test_each_environment_has_the_role_of_its_account() -> None:
    """A job signs in to the account of its environment, with the role of this service."""
    assert {key for key in JOBS if using(key, "aws-actions/configure-aws-credentials")} == SIGNING_IN
    assert set(ACCOUNTS) == {"dev", "sit", "prod"}
    for key in SIGNING_IN:
        for environment, role in roles(key).items():
            account = ACCOUNTS[environment.removesuffix("-drift")]
            assert role == f"arn:aws:iam::{account}:role/github-2-bbws-order-lambda-{environment}", key


def test_one_job_at_a_time_changes_an_environment() -> None:
    """Jobs that change an environment are known here, and wait in a queue: a push does not cancel a rollback."""
    changing = ("upload", "deploy", "promote", "record", "rollback")
    assert {key for key, step in RUNS if step["run"].split()[1] in changing} == set(DEPLOYING)
    for key, environment in DEPLOYING.items():
        assert JOBS[key]["environment"] == environment
        queue = {"group": f"deploy-{environment}", "cancel-in-progress": False, "queue": "max"}
        assert JOBS[key]["concurrency"] == queue
    assert WORKFLOWS["deploy-dev"]["concurrency"] == {
        "group": "push-to-main",
        "cancel-in-progress": False,
        "queue": "max",
    }
    assert WORKFLOWS["pull-request"]["concurrency"]["cancel-in-progress"] is True


def test_dev_gets_only_checked_releases() -> None:
    """A pull request and a push are checked alike, and dev waits for all checks."""
    jobs = WORKFLOWS["deploy-dev"]["jobs"]
    assert set(jobs["deploy"]["needs"]) == set(jobs) - {"deploy"}
    assert set(WORKFLOWS["pull-request"]["jobs"]) == set(CHECKS) < set(jobs)
    for workflow in ("deploy-dev", "pull-request"):
        assert {name: JOBS[workflow, name]["uses"] for name in CHECKS} == {
            name: f"$/.github/workflows/{name}.yml" for name in CHECKS
        }
    # PyPI's response to the audit changes without a commit, so it is not a part of `bin/test all`.
    called = {step["run"].split()[1] for (workflow, _), step in RUNS if workflow in CHECKS}
    assert {"static", "terraform", "audit", "unit", "conformance", "e2e"} <= called


def test_tested_bytes_are_the_bytes_that_dev_gets() -> None:
    """The release is made once, on its own architecture; tests, signature and deployment take these bytes."""
    assert [key for key, step in RUNS if step["run"].split()[1] in ("build", "make")] == [("package", "package")]
    assert runs(("package", "package")) == ["bin/release make"]
    assert inspect.signature(release.make).parameters["architecture"].default == "arm64"
    # A release holds Terraform's provider lock, a hidden file.
    artifact = {"name": "release", "path": "build/release"}
    kept = {**artifact, "if-no-files-found": "error", "include-hidden-files": True}
    assert artifacts("upload", evidence=False) == {("package", "package"): kept}
    tested = {("e2e", "embedded"), ("e2e", "localstack")}
    deployed = {("deploy-dev", "attest"), ("deploy-dev", "deploy")}
    assert artifacts("download", evidence=False) == dict.fromkeys(tested | deployed, artifact)
    for key in tested:
        assert "--release-dir build/release" in runs(key)[0]
        assert JOBS[key]["runs-on"].endswith("-arm")
    (signed,) = using(("deploy-dev", "attest"), "actions/attest-build-provenance")
    assert signed == {"subject-path": "build/release/release.json"}
    assert runs(("deploy-dev", "deploy")) == [
        "bin/release upload",
        "bin/release deploy --to dev",
        "bin/test e2e --target dev --report build/e2e.xml",
        "bin/release record --to dev --report build/e2e.xml",
    ]


@pytest.mark.parametrize("workflow", PROMOTIONS)
def test_promotion_builds_nothing_and_takes_a_digest(workflow: str) -> None:
    """A promotion deploys the release of the given digest, after the approvers can read its evidence and plan."""
    to = PROMOTIONS[workflow]
    # Only prod has a canary.
    canary, quiet = (' "$CANARY"', ["allow_quiet_canary"]) if to == "prod" else ("", [])
    inputs = WORKFLOWS[workflow]["on"]["workflow_dispatch"]["inputs"]
    assert list(inputs) == ["release", *quiet]
    assert not any(inputs[name]["default"] for name in quiet)
    assert "${{ inputs.release" in WORKFLOWS[workflow]["run-name"]
    # A load test writes orders: prod is spared it.
    load = ["bin/ops lab load --target sit --gate 20"] if to == "sit" else []
    assert runs((workflow, "promote")) == [
        f'bin/release promote "$RELEASE" --to {to}',
        f'bin/release deploy "$RELEASE" --to {to}{canary}',
        f"bin/test e2e --target {to} --report build/e2e.xml",
        *load,
        f"bin/release record --to {to} --report build/e2e.xml",
    ]
    assert runs((workflow, "evidence"), summary=True) == [
        f'bin/release pack "$RELEASE" --to {to}',
        f"bin/release summary --to {to}",
    ]
    for name in ("evidence", "promote"):
        assert JOBS[workflow, name]["env"] == {"RELEASE": "${{ inputs.release }}"}
    # One file that is not an archive, so that the link opens it.
    (kept,) = using((workflow, "evidence"), "actions/upload-artifact")
    assert kept == {"path": f"build/evidence/to-{to}.html", "archive": False, "if-no-files-found": "error"}


@pytest.mark.parametrize(("workflow", "approving"), [("promote-sit", []), ("promote-prod", ["prod-business-owner"])])
def test_each_approval_is_an_environment(workflow: str, approving: list[str]) -> None:
    """One reviewer satisfies an environment: two approvals are two environments, one after the other."""
    to, jobs = PROMOTIONS[workflow], WORKFLOWS[workflow]["jobs"]
    # The first has no reviewers, and a role that may only read.
    assert [job["environment"] for job in jobs.values()] == [f"{to}-drift", *approving, to]
    assert len(jobs) - 1 == len(ENVIRONMENTS[to].approvals)
    assert [jobs[name].get("needs") for name in jobs] == [None, *(before for before, _ in pairwise(jobs))]
    if approving:
        waiting = JOBS[workflow, "business-owner"]
        assert [step["uses"].split("@")[0] for step in waiting["steps"]] == ["actions/checkout"]
        assert "env" not in waiting


def test_every_e2e_run_keeps_its_evidence() -> None:
    """Each run of the end-to-end tests, failed or not, leaves its pack and a summary; dev begins with the local one."""
    kept = {key: each["name"] for key, each in artifacts("upload", evidence=True).items() if "name" in each}
    assert set(kept) == {key for key, step in RUNS if step["run"].startswith("bin/test e2e")} - UNRECORDED
    for key, name in kept.items():
        pack, summary = JOBS[key]["steps"][-2:]
        assert pack["with"] == {"name": name, "path": "build/evidence", "if-no-files-found": "error"}
        target = "local" if "matrix" in name else name.removeprefix("evidence-")
        assert summary["run"] == f"bin/release summary --target {target}"
        assert summary["env"] == {"EVIDENCE_URL": "${{ steps.pack.outputs.artifact-url }}"}
        assert pack["if"] == summary["if"] == EVEN_AFTER_FAILURE
    taken = artifacts("download", evidence=True)
    assert taken == {("deploy-dev", "deploy"): {"name": "evidence-local", "path": "build/evidence"}}


def test_rollback_and_drift_name_their_environment() -> None:
    """A rollback is for a chosen environment and is tested; drift is checked every night, without reviewers."""
    inputs = WORKFLOWS["rollback"]["on"]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["dev", "sit", "prod"] == list(roles(("rollback", "rollback")))
    assert inputs["release"]["required"] is False
    assert "${{ inputs.release" in WORKFLOWS["rollback"]["run-name"]
    assert runs(("rollback", "rollback")) == [
        'bin/release rollback "$RELEASE" --to "$ENVIRONMENT"',
        'bin/test e2e --target "$ENVIRONMENT"',
    ]
    (schedule,) = WORKFLOWS["drift"]["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", schedule["cron"])
    assert list(roles(("drift", "drift"))) == ["dev-drift", "sit-drift", "prod-drift"]
    assert JOBS["drift", "drift"]["strategy"]["fail-fast"] is False
    assert runs(("drift", "drift")) == ['bin/release drift --to "$ENVIRONMENT"']


def test_failover_needs_nothing_of_the_home_region() -> None:
    """The fail-over signs in to the other region with prod's role, after prod's approval, and is tested."""
    assert runs(("failover", "failover")) == ["bin/release deploy --to failover", "bin/test e2e --target failover"]
    assert JOBS["failover", "failover"]["environment"] == "prod"
    (sign_in,) = using(("failover", "failover"), "aws-actions/configure-aws-credentials")
    assert sign_in["aws-region"] == ENVIRONMENTS["failover"].region == "eu-west-1"


def test_terraform_and_provider_lock_serve_all_machines() -> None:
    """Terraform is recent enough, and both locks have the registry's checksum for each platform."""
    (setup,) = [step for step in load(ACTION)["runs"]["steps"] if "setup-terraform" in step.get("uses", "")]
    assert tuple(map(int, setup["with"]["terraform_version"].split("."))) >= (1, 11, 0)
    locks = [(ROOT / folder / ".terraform.lock.hcl").read_text() for folder in ("terraform", "terraform/bootstrap")]
    # Six platforms and more; a laptop applies bootstrap.
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', locks[0])) >= 12
    assert locks[0] == locks[1]
