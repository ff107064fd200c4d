"""A release into an environment: the plan is made, looked at, and exactly that plan is applied (docs/release.md)."""

import hashlib
import ipaddress
import json
import os
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from release import manifest
from release.build import ROOT
from release.evidence import Environment, Plan
from release.manifest import Sha256, Strict

_TERRAFORM = ROOT / "terraform"
_TERRAFORM_SECONDS = 1_800
# What holds orders, or the way to them: what is lost with it does not come back.
_KEPT = {"aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue", "aws_cognito_user_pool"}


class DeployError(Exception):
    """A deployment is refused or failed; the text says why and what to do."""


class Prepared(Strict):
    """A saved plan, and what it is a plan for.

    Args:
        environment: that it may be applied to.
        release: digest of the manifest that it deploys.
        sha256: of the plan's file.
        summary: what it does.
    """

    environment: Environment
    release: Sha256
    sha256: Sha256
    summary: Plan


def work_dir(environment: Environment) -> Path:
    """Where an environment's plan and Terraform's own files are."""
    return ROOT / "build" / "deploy" / environment


def _terraform(environment: Environment, *arguments: str) -> str:
    variables = {**os.environ, "TF_DATA_DIR": str(work_dir(environment) / "terraform"), "TF_IN_AUTOMATION": "1"}
    try:
        done = subprocess.run(
            ["terraform", f"-chdir={_TERRAFORM}", *arguments],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_TERRAFORM_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"terraform {arguments[0]}: not finished after {_TERRAFORM_SECONDS} s") from None
    if done.returncode:
        raise DeployError(f"terraform {arguments[0]} failed:\n{done.stdout[-4_000:]}")
    return done.stdout


def require_checkout(found: manifest.Manifest) -> None:
    """Check that the Terraform code here is the release's.

    Raises:
        DeployError: another commit is checked out, or it has changes that are not committed.
    """
    try:
        commit = manifest.commit()
    except manifest.ManifestError as error:
        raise DeployError(f"a deployment takes the Terraform code of a commit: {error}") from None
    if commit != found.commit:
        raise DeployError(f"the release is of commit {found.commit}, here is {commit}: git checkout {found.commit}")


def _on_this_machine(endpoint: str) -> bool:
    """Whether a URL is of this machine, as the local stack's is, and AWS's is not."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_drawing(found: manifest.Manifest) -> None:
    """Check that the release can draw invoices where it goes.

    Raises:
        DeployError: it takes Pango from the machine that it runs on, and goes to AWS, which has none.
    """
    if found.natives == "host" and not _on_this_machine(os.environ.get("AWS_ENDPOINT_URL", "")):
        raise DeployError(
            "this release was made with --host-pango: its invoice package has no Pango, and AWS has none either; "
            "run `make release` where a Docker engine answers, and deploy that"
        )


def summarise(changes: list[dict[str, Any]]) -> Plan:
    """How much a plan adds, changes and destroys; a replacement is one of each."""
    actions = [action for change in changes for action in change["change"]["actions"]]
    return Plan(add=actions.count("create"), change=actions.count("update"), destroy=actions.count("delete"))


def require_kept(changes: list[dict[str, Any]], named: Collection[str]) -> None:
    """Check that a plan removes nothing that holds orders, but what is named.

    Args:
        changes: `resource_changes` of `terraform show -json`.
        named: addresses that may be deleted or replaced.

    Raises:
        DeployError: it would; names each address.
    """
    removed = [
        change["address"]
        for change in changes
        if change["type"] in _KEPT and "delete" in change["change"]["actions"] and change["address"] not in named
    ]
    if removed:
        raise DeployError(
            "the plan would delete or replace "
            + ", ".join(removed)
            + "; if that is meant, name it: "
            + " ".join(f"--remove '{address}'" for address in removed)
        )


def prepare(environment: Environment, folder: Path, remove: Collection[str]) -> Prepared:
    """Plan the deployment of a release, and keep the plan.

    Args:
        environment: to deploy to.
        folder: of the release.
        remove: addresses of resources that may be deleted or replaced.

    Raises:
        ManifestError: the folder is not the release that was made.
        DeployError: the checkout is not the release's, the release cannot draw in AWS, or the plan would remove what
            must be kept.
    """
    found = manifest.verify(folder)
    require_drawing(found)
    require_checkout(found)
    target = work_dir(environment)
    target.mkdir(parents=True, exist_ok=True)
    plan = target / "plan.tfplan"
    _terraform(
        environment,
        *("init", "-input=false", "-reconfigure", "-lockfile=readonly"),
        f"-backend-config=env/{environment}.backend.hcl",
    )
    _terraform(
        environment,
        *("plan", "-input=false", "-parallelism=40", f"-out={plan}", f"-var-file=env/{environment}.tfvars"),
        f"-var=packages_dir={(folder / 'packages').resolve()}",
        f"-var=templates_dir={(folder / 'templates').resolve()}",
        f"-var=architecture={found.architecture}",
    )
    changes = json.loads(_terraform(environment, "show", "-json", str(plan))).get("resource_changes", [])
    require_kept(changes, remove)
    prepared = Prepared(
        environment=environment,
        release=Sha256(found.digest()),
        sha256=Sha256(hashlib.sha256(plan.read_bytes()).hexdigest()),
        summary=summarise(changes),
    )
    (target / "plan.json").write_text(prepared.json(indent=2))
    return prepared


def read(folder: Path, environment: Environment) -> Prepared:
    """The plan in a folder.

    Raises:
        DeployError: there is none, it is for another environment, or its file is not the one that was looked at.
    """
    try:
        prepared = Prepared.parse_raw((folder / "plan.json").read_bytes())
        digest = hashlib.sha256((folder / "plan.tfplan").read_bytes()).hexdigest()
    except (FileNotFoundError, ValidationError):
        raise DeployError(f"there is no plan in {folder}: run `python -m release plan --to {environment}`") from None
    if prepared.environment != environment:
        raise DeployError(
            f"the plan in {folder} was made for {prepared.environment}, not for {environment}: "
            f"run `python -m release plan --to {environment}`"
        )
    if digest != prepared.sha256:
        raise DeployError(f"the plan in {folder} has changed since it was made: run `python -m release plan` again")
    return prepared


def apply(environment: Environment) -> Prepared:
    """Apply the plan that was kept, and no other.

    Raises:
        DeployError: there is none for this environment, or Terraform failed.
    """
    prepared = read(work_dir(environment), environment)
    _terraform(environment, "apply", "-input=false", "-parallelism=40", str(work_dir(environment) / "plan.tfplan"))
    return prepared


def outputs(environment: Environment) -> dict[str, Any]:
    """Terraform's outputs of an environment that was deployed from here."""
    return {name: output["value"] for name, output in json.loads(_terraform(environment, "output", "-json")).items()}
