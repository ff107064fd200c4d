"""The stand-ins of actions do in a job what the actions do, and the rehearsal's GitHub refuses what GitHub refuses."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
import yaml

from labs.rehearsal import act, pipelines, shell, stand_ins, workflows
from labs.rehearsal.accounts import SUBJECT_PREFIX, Accounts
from labs.rehearsal.github import REPOSITORY, GitHub
from labs.rehearsal.stand_ins import ACTIONS, ActionError
from labs.rehearsal.workflows import Workflows
from localstack.stack import Certificates, Stack
from release import promotion
from tests.support.rehearsal_jobs import Jobs
from tooling.paths import ROOT

WORKFLOWS = Workflows()
DRIFT_ROLE = "arn:aws:iam::815856636111:role/github-2-bbws-order-lambda-sit-drift"


@pytest.fixture
def github() -> Iterator[GitHub]:
    """The API of GitHub."""
    server = GitHub(WORKFLOWS, Accounts.token)
    with server.serving():
        yield server


@pytest.fixture
def jobs(tmp_path: Path, github: GitHub) -> Jobs:
    """Make jobs."""
    return Jobs(tmp_path, github)


def test_stand_ins_have_all_actions_and_inputs() -> None:
    """Each action that a workflow uses has a stand-in that knows its inputs and outputs; the pin stands only there."""
    used = {action.partition("@")[0].partition("/")[2] for action in WORKFLOWS.actions()}
    assert used == {*ACTIONS} == {path.name for path in act.STAND_INS.iterdir()}
    files = [*workflows.FOLDER.glob("workflows/*.yml"), *workflows.FOLDER.glob("actions/*/action.yml")]
    lists = [
        job.get("steps", []) for file in files for job in yaml.safe_load(file.read_text()).get("jobs", {}).values()
    ]
    lists += [yaml.safe_load(file.read_text())["runs"]["steps"] for file in files if file.name == "action.yml"]
    for step in (step for steps in lists for step in steps if "@" in step.get("uses", "")):
        name = step["uses"].partition("@")[0].partition("/")[2]
        action = yaml.safe_load((act.STAND_INS / name / "action.yml").read_text())
        assert {*step.get("with", {})} <= {*action["inputs"]}, step["uses"]
        assert action["runs"]["steps"][0]["run"].endswith(f" labs.rehearsal.stand_ins {name}")


def test_checkout_has_commit_and_fewer_tests(jobs: Jobs, github: GitHub, tmp_path: Path) -> None:
    """A checkout is the commit, without changes, with this machine's environment, and names the tests of the job."""
    job = jobs.job(github.start("deploy-dev", {}, {}), "test", "test")
    stand_ins.checkout(job, {"persist-credentials": "false"})
    git = ("git", "-C", str(job.workspace))
    assert subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip() == jobs.commit
    assert subprocess.check_output([*git, "status", "--porcelain"], text=True) == ""
    assert (job.workspace / ".venv" / "bin" / "python").exists()
    assert not (job.workspace / "build" / "none").is_symlink()
    assert (tmp_path / "env").read_text().startswith("TEST_ARGUMENTS=-k ")


def test_git_ignores_settings_of_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal commits although a person signs commits with a key that it does not have."""
    settings, repository = tmp_path / "settings", tmp_path / "repository"
    settings.write_text("[commit]\ngpgSign = true\n[gpg]\nprogram = false\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    stand_ins.git("init", "--quiet", str(repository))
    stand_ins.git("-C", str(repository), *author, "commit", "--quiet", "--allow-empty", "--message=first")
    log = subprocess.check_output(["git", "-C", str(repository), "log", "--format=%s"], text=True)
    assert log == "first\n"


def test_checkout_that_keeps_credentials_is_refused(jobs: Jobs, github: GitHub) -> None:
    """GitHub's token must not stay in the repository, where every step could read it."""
    with pytest.raises(ActionError, match="set persist-credentials to false"):
        stand_ins.checkout(jobs.job(github.start("deploy-dev", {}, {}), "test", "test"), {})


def test_artifact_is_what_was_uploaded(jobs: Jobs, github: GitHub, tmp_path: Path) -> None:
    """Another job of the run takes the files; hidden ones only if they were included."""
    run = github.start("deploy-dev", {}, {})
    first, second = jobs.job(run, "package", "package"), jobs.job(run, "deploy-dev", "deploy")
    for name in ("release.json", "terraform/.terraform.lock.hcl"):
        file = first.workspace / "build" / "release" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    stand_ins.upload_artifact(first, {"name": "all", "path": "build/release", "include-hidden-files": "true"})
    stand_ins.upload_artifact(first, {"name": "visible", "path": "build/release"})
    for name in ("all", "visible"):
        stand_ins.download_artifact(second, {"name": name, "path": name})
    found = {str(path.relative_to(second.workspace)) for path in second.workspace.rglob("*") if path.is_file()}
    assert found == {"all/release.json", "all/terraform/.terraform.lock.hcl", "visible/release.json"}
    assert (tmp_path / "output").read_text().startswith("artifact-url=file:///")
    with pytest.raises(ActionError, match="has an artifact all already"):
        stand_ins.upload_artifact(first, {"name": "all", "path": "build/release"})


def test_missing_artifact_is_refused(jobs: Jobs, github: GitHub) -> None:
    """An empty upload and an unknown artifact fail the step; artifacts of another run are unknown."""
    first = jobs.job(github.start("promote-sit", {}, {}), "promote-sit", "evidence")
    (first.workspace / "to-sit.html").write_text("evidence")
    stand_ins.upload_artifact(first, {"path": "to-sit.html", "archive": "false"})
    second = jobs.job(github.start("promote-sit", {}, {}), "promote-sit", "promote")
    with pytest.raises(ActionError, match=r"no artifact to-sit\.html"):
        stand_ins.download_artifact(second, {"name": "to-sit.html", "path": "."})
    with pytest.raises(ActionError, match="nothing in build/evidence"):
        stand_ins.upload_artifact(second, {"name": "e", "path": "build/evidence", "if-no-files-found": "error"})


def test_token_names_environment_of_job(jobs: Jobs, github: GitHub) -> None:
    """A token has the immutable subject with the environment of the job, here of a row of a matrix."""
    job = jobs.job(github.start("drift", {}, {}), "drift", "drift")
    token = job.request("token", role=DRIFT_ROLE, audience="sts.amazonaws.com")["value"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == f"{SUBJECT_PREFIX}:environment:sit-drift"
    assert (claims["aud"], claims["repository_id"]) == ("sts.amazonaws.com", "821093847")


def test_token_of_job_is_not_replaced(
    jobs: Jobs, github: GitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The default entry of a person's .netrc does not replace the token that a job sends to GitHub."""
    (tmp_path / ".netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    # Other tests read none.
    monkeypatch.setattr(requests.sessions, "get_netrc_auth", requests.utils.get_netrc_auth)
    assert jobs.job(github.start("deploy-dev", {}, {}), "test", "test").request("jobs")


def test_job_without_permission_gets_no_token(jobs: Jobs, github: GitHub) -> None:
    """A job that may not write id-token gets no token, and cannot sign provenance either."""
    run = github.start("deploy-dev", {}, {})
    job = jobs.job(run, "validate", "validate")
    with pytest.raises(ActionError, match="validate, validate has no permission to write id-token"):
        job.request("token", audience="sts.amazonaws.com")
    (job.workspace / "release.json").write_text("{}")
    with pytest.raises(ActionError, match="no permission to write attestations and id-token"):
        stand_ins.attest_build_provenance(job, {"subject-path": "release.json"})
    assert run.attested == []


def test_provenance_is_that_of_the_file(jobs: Jobs, github: GitHub) -> None:
    """The digest of the file is attested."""
    run = github.start("deploy-dev", {}, {})
    job = jobs.job(run, "deploy-dev", "attest")
    (job.workspace / "release.json").write_text("{}")
    stand_ins.attest_build_provenance(job, {"subject-path": "release.json"})
    assert run.attested == [hashlib.sha256(b"{}").hexdigest()]


def test_reviewers_approve_jobs_of_their_environment(jobs: Jobs, github: GitHub) -> None:
    """A job in a protected environment starts once it is approved; `bin/release promote` reads who did it."""
    reviewers = {"prod-business-owner": "Sipho", "prod": "Thandi"}
    run = github.start("promote-prod", {}, reviewers)
    variables: dict[str, Any] = {
        "GITHUB_API_URL": github.url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": run.number,
        "GITHUB_TOKEN": github.token,
    }
    found = []
    for job in ("evidence", "business-owner", "promote"):
        jobs.job(run, "promote-prod", job).request("jobs")
        found.append(promotion.approvals_in_github("prod", variables))
    owner = {"business-owner": "Sipho"}
    assert found == [{}, owner, owner | {"tech-lead": "Thandi"}]


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_other_python_is_refused(jobs: Jobs, github: GitHub, version: str) -> None:
    """A job that wants another Python fails, since the rehearsal has one."""
    job = jobs.job(github.start("deploy-dev", {}, {}), "test", "test")
    if version == "{}.{}".format(*sys.version_info):
        stand_ins.setup_python(job, {"python-version": version})
    else:
        with pytest.raises(ActionError, match=rf"wants Python {version}"):
            stand_ins.setup_python(job, {"python-version": version})


@pytest.mark.parametrize(
    ("script", "host_pango"),
    [("exit 0", None), ('[ "$1" != buildx ]', "1"), ('[ "$1" = buildx ]', "1")],
    ids=["Docker", "no buildx", "no engine"],
)
def test_releases_need_docker_only_where_it_can_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, host_pango: str | None
) -> None:
    """A rehearsal takes Pango from Lambda's image only where a Docker engine has its builder."""
    (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    accounts = Accounts(Stack(tmp_path, ports={"engine": 1, "cart": 2}, certificates=Certificates("", "", "")))
    assert pipelines.options(accounts).get("REHEARSAL_HOST_PANGO") == host_pango


@pytest.mark.parametrize(
    ("job", "script", "output"),
    [
        ("embedded", "sudo apt-get update -qq && touch ran", f"{shell.MARK}would install packages"),
        ("embedded", "touch ran && echo done", "done"),
        ("localstack", "touch ran && echo done", f"{shell.MARK}takes minutes on a second engine"),
        ("localstack", "touch ran && echo done checkout", "done checkout"),
    ],
)
def test_shell_runs_all_but_the_left_out_steps(tmp_path: Path, job: str, script: str, output: str) -> None:
    """The shell of the jobs passes over steps and jobs that are left out, and is bash for every other."""
    (tmp_path / "step.sh").write_text(f"\n{script}\n")
    variables = {
        "PATH": os.pathsep.join([str(shell.PROGRAMS), os.environ["PATH"]]),
        "REHEARSAL_ROOT": str(ROOT),
        "REHEARSAL_PYTHON": sys.executable,
        "GITHUB_WORKFLOW": "e2e",
        "GITHUB_JOB": job,
    }
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "step.sh"]
    found = subprocess.check_output(command, cwd=tmp_path, env=variables, text=True, timeout=60)
    assert found.startswith(output)
    assert (tmp_path / "ran").exists() is output.startswith("done")
