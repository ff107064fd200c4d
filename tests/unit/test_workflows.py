"""The workflows call this project's commands, hold no logic of their own, and let nothing past an approval.

zizmor and the schemas (`make lint`) know GitHub's rules; these tests know ours (docs/release.md).
"""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.environments import ENVIRONMENTS, EnvironmentName
from tooling.paths import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / ".github" / "actions" / "machine" / "action.yml"
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
ACCOUNTS = dict(
    re.findall(r'^ +(dev|sit|prod) += "(\d{12})"$', (ROOT / "terraform" / "variables.tf").read_text(), re.MULTILINE)
)
PROMOTIONS: dict[str, EnvironmentName] = {"promote-sit": "sit", "promote-prod": "prod"}

READ = {"contents": "read"}
SIGN_IN = {"contents": "read", "id-token": "write"}
SIGN_IN_AND_ASK = {"actions": "read", "contents": "read", "id-token": "write"}
PERMISSIONS = {
    ("pull-request", "validate"): READ,
    ("pull-request", "test"): READ,
    ("pull-request", "package"): READ,
    ("pull-request", "e2e"): READ,
    ("validate", "validate"): READ,
    ("test", "test"): READ,
    ("package", "package"): READ,
    ("e2e", "embedded"): READ,
    ("e2e", "localstack"): READ,
    ("deploy-dev", "validate"): READ,
    ("deploy-dev", "test"): READ,
    ("deploy-dev", "package"): READ,
    ("deploy-dev", "e2e"): READ,
    ("deploy-dev", "attest"): {"attestations": "write", "id-token": "write"},
    ("deploy-dev", "deploy"): SIGN_IN,
    ("promote-sit", "evidence"): SIGN_IN,
    ("promote-sit", "promote"): SIGN_IN_AND_ASK,
    ("promote-prod", "evidence"): SIGN_IN,
    ("promote-prod", "business-owner"): READ,
    ("promote-prod", "promote"): SIGN_IN_AND_ASK,
    ("rollback", "rollback"): SIGN_IN,
    ("drift", "drift"): SIGN_IN,
    ("conformance", "engines"): READ,
    ("conformance", "licensed"): READ,
}
TRIGGERS = {
    "pull-request": {"pull_request"},
    "validate": {"workflow_call"},
    "test": {"workflow_call"},
    "package": {"workflow_call"},
    "e2e": {"workflow_call"},
    "deploy-dev": {"push"},
    "promote-sit": {"workflow_dispatch"},
    "promote-prod": {"workflow_dispatch"},
    "rollback": {"workflow_dispatch"},
    "drift": {"schedule", "workflow_dispatch"},
    "conformance": {"schedule", "workflow_dispatch"},
}
# By the environment that each deploys to; `rollback` takes the one that was chosen.
DEPLOYING = {
    ("deploy-dev", "deploy"): "dev",
    ("promote-sit", "promote"): "sit",
    ("promote-prod", "promote"): "prod",
    ("rollback", "rollback"): "${{ inputs.environment }}",
}


def load(path: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for true.
    content: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in content.items()}


WORKFLOWS = {path.stem: load(path) for path in FILES}
JOBS: dict[tuple[str, str], dict[str, Any]] = {
    (workflow, name): job for workflow, content in WORKFLOWS.items() for name, job in content["jobs"].items()
}
STEPS = [(key, step) for key, job in JOBS.items() for step in job.get("steps", [])]
# What tells of a run, and neither changes nor decides anything.
TELLING = "make summary"
RUNS = [(key, step) for key, step in STEPS if "run" in step]


def runs(key: tuple[str, str]) -> list[str]:
    commands = [step["run"] for step in JOBS[key]["steps"] if "run" in step]
    return [command for command in commands if not command.startswith(TELLING)]


def evidence(kept: dict[str, Any]) -> bool:
    """Whether an artifact is the evidence pack, and not a release."""
    return str(kept["path"]).startswith("build/evidence")


def using(key: tuple[str, str], action: str) -> list[dict[str, Any]]:
    return [step["with"] for step in JOBS[key].get("steps", []) if step.get("uses", "").startswith(f"{action}@")]


def roles(key: tuple[str, str]) -> dict[str, str]:
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
        found: dict[str, str] = json.loads(chosen[1])
        return found
    return {job["environment"]: role}


def test_every_line_is_a_make_target_and_takes_nothing_from_an_expression() -> None:
    # An expression in a line would be code for the shell: inputs come by the environment.
    assert RUNS
    for key, step in RUNS:
        program, *words = step["run"].split()
        assert program == "make", key
        assert all(re.fullmatch(r"[a-z0-9-]+|[A-Z0-9_]+=[\w./-]+", word) for word in words), step["run"]
        assert {word for word in words if "=" not in word} <= TARGETS, step["run"]


def test_what_a_line_gives_to_make_is_a_variable_of_the_makefile() -> None:
    # make takes a misspelt variable without a word, and the command would get its default.
    for key, step in RUNS:
        given = {word.split("=")[0] for word in step["run"].split() if "=" in word}
        given |= {*step.get("env", {}), *JOBS[key].get("env", {})}
        for name in given - {"GITHUB_TOKEN", "E2E_CART_URL", "LOCALSTACK_AUTH_TOKEN", "EVIDENCE_URL"}:
            assert re.search(rf"\b{name}\b", MAKEFILE), f"{key}: {name}"


def test_no_step_decides_anything() -> None:
    # A refused promotion must stop its job, so no step runs on a condition or goes on after an error. What tells of
    # a failure has to come after one.
    for key, step in STEPS:
        telling = step.get("run", "").startswith(TELLING) or step.get("id") == "pack"
        assert not {"continue-on-error", "shell"} & set(step), key
        assert "if" not in step or (telling and step["if"] == "${{ !cancelled() }}"), key
    conditions = {key: job["if"] for key, job in JOBS.items() if "if" in job}
    assert conditions == {
        ("e2e", "localstack"): "vars.LOCALSTACK == 'true' && github.event_name == 'push'",
        ("conformance", "licensed"): "vars.LOCALSTACK == 'true'",
    }
    assert not any("continue-on-error" in job for job in JOBS.values())


@pytest.mark.parametrize("path", [*FILES, ACTION], ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_or_come_with_this_one(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    for action, comment in used:
        if action.startswith("$/"):
            assert (ROOT / action.removeprefix("$/")).exists(), action
        else:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action} does not say its version"


def test_each_workflow_is_started_by_what_it_is_for_and_nothing_else() -> None:
    # `pull_request_target` and `workflow_run` would give a stranger's change this project's rights.
    assert {workflow: set(content["on"]) for workflow, content in WORKFLOWS.items()} == TRIGGERS
    assert WORKFLOWS["deploy-dev"]["on"]["push"] == {"branches": ["main"]}


def test_a_job_may_do_what_it_needs_and_no_more() -> None:
    assert all(content["permissions"] == {} for content in WORKFLOWS.values())
    assert {key: job["permissions"] for key, job in JOBS.items()} == PERMISSIONS


def test_no_job_outlives_its_credentials() -> None:
    for key, job in JOBS.items():
        if "uses" not in job:
            assert job["timeout-minutes"] <= 60, key
        for sign_in in using(key, "aws-actions/configure-aws-credentials"):
            assert job["timeout-minutes"] * 60 <= sign_in["role-duration-seconds"] <= 3600


def test_the_one_secret_is_given_to_the_steps_that_need_it() -> None:
    name = "LOCALSTACK_AUTH_TOKEN"
    texts = {path.stem: path.read_text() for path in FILES}
    found = {workflow: re.findall(r"secrets\.(\w+)", text) for workflow, text in texts.items()}
    holding = ("conformance", "deploy-dev", "e2e")
    assert {workflow: names for workflow, names in found.items() if names} == {key: [name] for key in holding}
    assert [step["run"] for _, step in STEPS if name in step.get("env", {})] == [
        "make conformance ENGINE=localstack",
        "make e2e-fresh ENGINE=localstack RELEASE_DIR=build/release",
    ]
    assert not any("inherit" in text for text in texts.values())


def test_githubs_token_is_given_to_the_commands_that_ask_for_approvals_only() -> None:
    given = {(key, step["run"].split()[1]) for key, step in RUNS if "GITHUB_TOKEN" in step.get("env", {})}
    asking = {(key, word) for key, step in RUNS for word in step["run"].split() if word == "promote"}
    assert given == asking
    assert {key for key, _ in asking} == {key for key, held in PERMISSIONS.items() if "actions" in held}
    assert sum(path.read_text().count("github.token") for path in FILES) == len(asking)


def test_nothing_keeps_or_prints_credentials() -> None:
    for key in JOBS:
        for checkout in using(key, "actions/checkout"):
            assert checkout["persist-credentials"] is False
        for sign_in in using(key, "aws-actions/configure-aws-credentials"):
            assert set(sign_in) == {"aws-region", "role-duration-seconds", "role-to-assume"}
    assert not any("DEBUG" in path.read_text() for path in FILES)


def test_each_environment_has_the_role_of_its_account() -> None:
    signing_in = {key for key in JOBS if using(key, "aws-actions/configure-aws-credentials")}
    assert signing_in == {key for key, held in PERMISSIONS.items() if "id-token" in held} - {("deploy-dev", "attest")}
    assert set(ACCOUNTS) == {"dev", "sit", "prod"}
    for key in signing_in:
        for environment, role in roles(key).items():
            account = ACCOUNTS[environment.removesuffix("-drift")]
            assert role == f"arn:aws:iam::{account}:role/github-2-bbws-order-lambda-{environment}", key


@pytest.mark.parametrize("key", DEPLOYING, ids=lambda key: key[0])
def test_an_environment_is_deployed_to_by_one_job_at_a_time(key: tuple[str, str]) -> None:
    environment, job = DEPLOYING[key], JOBS[key]
    assert job["environment"] == environment
    # Without the queue, one that waits would be thrown out by the next: a rollback by a push.
    assert job["concurrency"] == {"group": f"deploy-{environment}", "cancel-in-progress": False, "queue": "max"}


def test_every_job_that_changes_an_environment_is_known_here() -> None:
    changing = {"upload", "deploy", "promote", "record", "rollback"}
    assert {key for key, step in RUNS if changing & set(step["run"].split())} == set(DEPLOYING)


def test_pushes_are_deployed_in_their_order_and_changes_to_a_pull_request_are_not_waited_for() -> None:
    assert WORKFLOWS["deploy-dev"]["concurrency"] == {"group": "push-to-main", "cancel-in-progress": False}
    assert WORKFLOWS["pull-request"]["concurrency"]["cancel-in-progress"] is True


def test_dev_gets_what_has_passed_everything() -> None:
    jobs = WORKFLOWS["deploy-dev"]["jobs"]
    assert set(jobs["deploy"]["needs"]) == set(jobs) - {"deploy"}
    assert set(WORKFLOWS["pull-request"]["jobs"]) == {"validate", "test", "package", "e2e"} < set(jobs)
    for workflow in ("deploy-dev", "pull-request"):
        for name in ("validate", "test", "package", "e2e"):
            assert JOBS[workflow, name]["uses"] == f"$/.github/workflows/{name}.yml"


def made_by(target: str) -> set[str]:
    """The targets that a target makes."""
    rule = re.search(rf"^{target}: .*\n((?:\t.*\n?)+)", MAKEFILE, re.MULTILINE)
    assert rule
    return {word for word in rule[1].split() if word in TARGETS}


def test_a_pull_request_is_checked_as_make_test_does() -> None:
    parts = made_by("e2e-fresh")
    assert {*parts, "test-checks"} == made_by("test")
    made = {*made_by("test-checks"), "e2e-fresh"}
    assert {"lint", "unit"} < made
    checks = {job["uses"].rsplit("/", 1)[1].removesuffix(".yml") for job in WORKFLOWS["pull-request"]["jobs"].values()}
    called = {word for (workflow, _), step in RUNS if workflow in checks for word in step["run"].split()}
    # What PyPI answers changes without a commit, so `make test` does not ask and a pull request does.
    assert {*made, "audit"} <= called


def test_the_bytes_that_pass_are_the_bytes_that_dev_gets() -> None:
    made = [key for key, step in RUNS if {"build", "release"} & set(step["run"].split())]
    assert made == [("package", "package")]
    kept = [each for key in JOBS for each in using(key, "actions/upload-artifact") if not evidence(each)]
    # A release holds Terraform's lock, a hidden file, without which it would not be the same.
    assert kept == [
        {"name": "release", "path": "build/release", "if-no-files-found": "error", "include-hidden-files": True}
    ]
    taken = {key: each for key in JOBS for each in using(key, "actions/download-artifact") if not evidence(each)}
    assert set(taken) == {
        ("e2e", "embedded"),
        ("e2e", "localstack"),
        ("deploy-dev", "attest"),
        ("deploy-dev", "deploy"),
    }
    assert all(content == {"name": "release", "path": "build/release"} for content in taken.values())
    assert all("RELEASE_DIR=build/release" in line for _, step in RUNS if "e2e-fresh" in (line := step["run"]))
    assert using(("deploy-dev", "attest"), "actions/attest-build-provenance") == [
        {"subject-path": "build/release/release.json"}
    ]
    assert runs(("deploy-dev", "deploy")) == [
        "make upload",
        "make deploy TO=dev",
        "make e2e TARGET=dev REPORT=build/e2e.xml",
        "make record TO=dev REPORT=build/e2e.xml",
    ]
    assert "RELEASE" not in str(JOBS["deploy-dev", "deploy"].get("env", {}))


def test_packages_are_made_and_tried_on_the_architecture_that_they_are_for() -> None:
    assert runs(("package", "package")) == ["make release ARCHITECTURE=arm64"]
    for key in (("package", "package"), ("e2e", "embedded"), ("e2e", "localstack")):
        assert JOBS[key]["runs-on"].endswith("-arm")


@pytest.mark.parametrize("workflow", PROMOTIONS)
def test_a_promotion_builds_nothing_and_takes_a_digest_only(workflow: str) -> None:
    to, key = PROMOTIONS[workflow], (workflow, "promote")
    inputs = WORKFLOWS[workflow]["on"]["workflow_dispatch"]["inputs"]
    assert set(inputs) == {"release"}
    assert inputs["release"]["required"] is True
    assert JOBS[key]["env"] == {"RELEASE": "${{ inputs.release }}"}
    # A load test writes orders: prod is spared it, and gets only what held in sit.
    load = ["make load TARGET=sit GATE=20"] if to == "sit" else []
    # Nothing but these: no build, and no other release than that of the digest.
    assert runs(key) == [
        f"make promote TO={to}",
        f"make deploy TO={to}",
        f"make e2e TARGET={to} REPORT=build/e2e.xml",
        *load,
        f"make record TO={to} REPORT=build/e2e.xml",
    ]
    assert runs((workflow, "evidence")) == [f"make pack TO={to}"]
    assert JOBS[workflow, "evidence"]["env"] == {"RELEASE": "${{ inputs.release }}"}
    assert all("RELEASE" not in step.get("env", {}) for (of, _), step in STEPS if of == workflow)
    artifacts = [step for (of, _), step in STEPS if of == workflow and "artifact" in step.get("uses", "")]
    assert all("upload-artifact" in step["uses"] and evidence(step["with"]) for step in artifacts)


@pytest.mark.parametrize(
    ("workflow", "environments"),
    [("promote-sit", ["sit"]), ("promote-prod", ["prod-business-owner", "prod"])],
)
def test_each_approval_of_a_promotion_is_an_environment(workflow: str, environments: list[str]) -> None:
    # One reviewer is enough for an environment, so two approvals are two environments, one after the other.
    jobs = WORKFLOWS[workflow]["jobs"]
    assert [job["environment"] for job in jobs.values()][1:] == environments
    assert len(environments) == len(ENVIRONMENTS[PROMOTIONS[workflow]].approvals)
    for before, name in pairwise(jobs):
        assert jobs[name]["needs"] == before


@pytest.mark.parametrize("workflow", PROMOTIONS)
def test_who_approves_has_the_evidence_and_the_plan_before(workflow: str) -> None:
    to, key = PROMOTIONS[workflow], (workflow, "evidence")
    job = JOBS[key]
    assert next(iter(WORKFLOWS[workflow]["jobs"])) == "evidence"
    # Nobody approves this one; `roles` and the bootstrap's tests say that its role changes nothing.
    assert job["environment"] == f"{to}-drift"
    assert "needs" not in job
    # One file that is no archive, so that the link opens it; of a name that no other job of the run keeps.
    (kept,) = using(key, "actions/upload-artifact")
    assert kept == {"path": f"build/evidence/to-{to}.html", "archive": False, "if-no-files-found": "error"}
    assert job["steps"][-1] == {
        "run": f"make summary TO={to}",
        "env": {"EVIDENCE_URL": "${{ steps.pack.outputs.artifact-url }}"},
    }


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (("e2e", "embedded"), "local"),
        (("e2e", "localstack"), "localstack"),
        (("deploy-dev", "deploy"), "dev"),
        (("promote-sit", "promote"), "sit"),
        (("promote-prod", "promote"), "prod"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_every_run_of_the_end_to_end_tests_leaves_its_evidence(key: tuple[str, str], name: str) -> None:
    after = {"record", "load"}
    *_, tests, pack, summary = [step for step in JOBS[key]["steps"] if not after & set(step.get("run", "").split())]
    assert tests["run"].startswith("make e2e")
    assert pack["with"] == {"name": f"evidence-{name}", "path": "build/evidence", "if-no-files-found": "error"}
    assert (pack["id"], summary["run"]) == ("pack", f"make summary TARGET={name.removesuffix('stack')}")
    assert summary["env"] == {"EVIDENCE_URL": "${{ steps.pack.outputs.artifact-url }}"}
    # A failure has evidence too.
    assert pack["if"] == summary["if"] == "${{ !cancelled() }}"


def test_the_evidence_of_the_local_stack_goes_with_the_release_to_dev() -> None:
    taken = [each for each in using(("deploy-dev", "deploy"), "actions/download-artifact") if evidence(each)]
    assert taken == [{"name": "evidence-local", "path": "build/evidence"}]


def test_the_business_owners_job_can_do_nothing_but_wait() -> None:
    job = JOBS["promote-prod", "business-owner"]
    assert [step["uses"].split("@")[0] for step in job["steps"]] == ["actions/checkout"]
    assert "env" not in job


@pytest.mark.parametrize("workflow", [*PROMOTIONS, "rollback"])
def test_who_approves_sees_which_release(workflow: str) -> None:
    assert "${{ inputs.release" in WORKFLOWS[workflow]["run-name"]


def test_a_rollback_is_of_a_chosen_environment_and_is_tried_afterwards() -> None:
    inputs = WORKFLOWS["rollback"]["on"]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["dev", "sit", "prod"] == list(roles(("rollback", "rollback")))
    assert inputs["release"]["required"] is False
    assert runs(("rollback", "rollback")) == ["make rollback", "make e2e"]
    back, e2e = (step["env"] for key, step in RUNS if key[0] == "rollback")
    assert back == {"TO": "${{ inputs.environment }}", "RELEASE": "${{ inputs.release }}"}
    assert e2e["TARGET"] == "${{ inputs.environment }}"


def test_drift_is_looked_for_every_night_in_each_environment_and_nobody_is_asked() -> None:
    (entry,) = WORKFLOWS["drift"]["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", entry["cron"])
    job = JOBS["drift", "drift"]
    # Environments of their own, without reviewers; `roles` compares each with its role.
    assert list(roles(("drift", "drift"))) == ["dev-drift", "sit-drift", "prod-drift"]
    assert job["strategy"]["fail-fast"] is False
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make drift"]
    assert job["steps"][-1]["env"] == {"TO": "${{ matrix.environment }}"}


def test_terraform_is_recent_enough() -> None:
    (setup,) = [step for step in load(ACTION)["runs"]["steps"] if "setup-terraform" in step.get("uses", "")]
    assert tuple(map(int, setup["with"]["terraform_version"].split("."))) >= (1, 10, 0)


def test_the_provider_lock_serves_every_machine() -> None:
    # The registry signs a `zh` for each platform's archive; one `h1` is of one platform, and the runners are of two.
    lock = (ROOT / "terraform" / ".terraform.lock.hcl").read_text()
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', lock)) > 1
