"""What the stand-ins of actions do in a job: `python -m labs.rehearsal.stand_ins ACTION` (labs/rehearsal/actions)."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import requests
from botocore import UNSIGNED
from botocore.config import Config

from labs.rehearsal.shortened import FEWER_TESTS
from tooling.cli import UserError, run_cli

_HTTP_SECONDS = 60
_GIT_SECONDS = 120
# Environment variable with the path of the settings, which every job of a rehearsal has.
SETTINGS: Final = "REHEARSAL_SETTINGS"
Inputs = Mapping[str, str]


class ActionError(UserError):
    """An action fails, and with it the step."""


class Job:
    """The job that an action runs in.

    Args:
        variables: Its environment variables.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables
        self.settings: dict[str, Any] = json.loads(Path(variables[SETTINGS]).read_text())
        self.workspace = Path(variables["GITHUB_WORKSPACE"])
        self.commit = variables["GITHUB_SHA"]
        self.key = (variables["GITHUB_WORKFLOW"], variables["GITHUB_JOB"])
        self.artifacts = Path(self.settings["artifacts"], variables["GITHUB_RUN_ID"])

    def request(self, what: str, **body: str) -> dict[str, Any]:
        """Request something of the rehearsal's GitHub; ActionError if it refuses."""
        url = f"{self.settings['github']}/runs/{self._variables['GITHUB_RUN_ID']}/{what}"
        workflow, job = self.key
        headers = {"Authorization": f"Bearer {self.settings['token']}"}
        with requests.Session() as session:
            # A person's .netrc would replace the header.
            session.trust_env = False
            response = session.post(
                url, json={"workflow": workflow, "job": job, **body}, headers=headers, timeout=_HTTP_SECONDS
            )
        found: dict[str, Any] = response.json() or {}
        if not response.ok:
            raise ActionError(f"GitHub refuses {what}: {found.get('message', response.status_code)}")
        return found

    def _append(self, file: str, name: str, value: str) -> None:
        with Path(self._variables[file]).open("a") as lines:
            lines.write(f"{name}={value}\n")

    def set_variables(self, variables: Mapping[str, str]) -> None:
        """Set environment variables of the steps that follow."""
        for name, value in variables.items():
            self._append("GITHUB_ENV", name, value)

    def set_output(self, name: str, value: str) -> None:
        """Set an output of the step."""
        self._append("GITHUB_OUTPUT", name, value)


def git(*arguments: str) -> None:
    """Run git without a person's settings, such as signed commits and hooks."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], check=True, timeout=_GIT_SECONDS, env=variables)


def clone(source: str, folder: Path, commit: str, links: Mapping[str, str]) -> None:
    """Check a commit of a repository out into a folder, and link what is expensive to make, such as environments.

    Links have the path in the folder, and where it leads; what is not there is left out.
    """
    git("clone", "--quiet", "--shared", "--no-checkout", source, str(folder))
    git("-C", str(folder), "checkout", "--quiet", "--detach", commit)
    (folder / "build").mkdir()
    for name, target in links.items():
        if Path(target).exists():
            (folder / name).symlink_to(target)
    # .gitignore has the folder .venv/, and no link.
    (folder / ".git" / "info" / "exclude").write_text("/.venv\n")


def checkout(job: Job, inputs: Inputs) -> None:
    """Check the commit out, once the job's environment is approved, and set which tests run."""
    if inputs.get("persist-credentials") != "false":
        raise ActionError("checkout would keep GitHub's token in the repository: set persist-credentials to false")
    environment = job.request("jobs").get("environment")
    clone(job.settings["tree"], job.workspace, job.commit, job.settings["links"])
    tests = FEWER_TESTS.get(job.key)
    if tests:
        job.set_variables({"TEST_ARGUMENTS": tests})
    print(f"{job.commit[:12]}, environment {environment or 'none'}, tests: {tests or 'all'}")


def setup_python(job: Job, inputs: Inputs) -> None:
    """Check that the version of Python is the wanted one."""
    found = "{}.{}".format(*sys.version_info)
    if found != inputs["python-version"]:
        raise ActionError(f"the job wants Python {inputs['python-version']}; the rehearsal has {found}")
    print(f"Python {found}")


def setup_terraform(job: Job, inputs: Inputs) -> None:
    """Show which Terraform runs in place of the wanted one."""
    version = json.loads(subprocess.check_output(["terraform", "version", "-json"], timeout=_HTTP_SECONDS))
    print(f"Terraform {version['terraform_version']}; the workflow installs {inputs['terraform_version']}")


def upload_artifact(job: Job, inputs: Inputs) -> None:
    """Copy a file or folder to the artifacts of the run."""
    source = job.workspace / inputs["path"]
    files = [path for path in ([source] if source.is_file() else sorted(source.rglob("*"))) if path.is_file()]
    if inputs.get("include-hidden-files") != "true":
        hidden = (path for path in files if any(part.startswith(".") for part in path.relative_to(source).parts))
        files = sorted({*files} - {*hidden})
    if not files and inputs.get("if-no-files-found") == "error":
        raise ActionError(f"there is nothing in {inputs['path']}")
    name = inputs.get("name") or source.name
    target = job.artifacts / name
    if target.exists():
        raise ActionError(f"this run has an artifact {name} already")
    for file in files:
        copy = target / (file.name if source.is_file() else file.relative_to(source))
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    job.set_output("artifact-url", target.as_uri())
    print(f"{name}: {len(files)} files")


def download_artifact(job: Job, inputs: Inputs) -> None:
    """Copy an artifact of the run to a path."""
    artifact = job.artifacts / inputs["name"]
    if not artifact.is_dir():
        raise ActionError(f"this run has no artifact {inputs['name']}")
    shutil.copytree(artifact, job.workspace / inputs["path"], dirs_exist_ok=True)


def configure_aws_credentials(job: Job, inputs: Inputs) -> None:
    """Assume a role with the job's token, and set the session's credentials for the steps that follow."""
    role, region = inputs["role-to-assume"], inputs["aws-region"]
    token = job.request("token", role=role, audience="sts.amazonaws.com")["value"]
    engine = job.settings["engine"]
    config = Config(signature_version=UNSIGNED)
    sts = boto3.client(
        "sts", region, endpoint_url=engine["AWS_ENDPOINT_URL"], verify=engine["AWS_CA_BUNDLE"], config=config
    )
    session = sts.assume_role_with_web_identity(
        RoleArn=role,
        RoleSessionName="GitHubActions",
        WebIdentityToken=token,
        DurationSeconds=int(inputs["role-duration-seconds"]),
    )["Credentials"]
    credentials = {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    # In place of hosted_zone_id in terraform/env, since the engine chooses another id each time.
    zone = job.settings.get("zones", {}).get(role.split(":")[4], {})
    job.set_variables({**engine, **credentials, **zone})
    print(f"signed in as {role}")


def attest_build_provenance(job: Job, inputs: Inputs) -> None:
    """Report the digest of a file; only GitHub can sign it."""
    digest = hashlib.sha256((job.workspace / inputs["subject-path"]).read_bytes()).hexdigest()
    job.request("attestations", sha256=digest)
    print(f"{inputs['subject-path']}: {digest}")


ACTIONS: Final[dict[str, Callable[[Job, Inputs], None]]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        checkout,
        setup_python,
        setup_terraform,
        upload_artifact,
        download_artifact,
        configure_aws_credentials,
        attest_build_provenance,
    )
}


def main() -> None:
    """Run the action that is named, with the inputs in the variable INPUTS."""
    given = {name: str(value) for name, value in json.loads(os.environ["INPUTS"]).items() if value is not None}
    ACTIONS[sys.argv[1]](Job(), {name: value for name, value in given.items() if value})


if __name__ == "__main__":
    sys.exit(run_cli(main, "The rehearsal's engine is in build/rehearsal/engine."))
