"""Deploys a release to an environment: plans it, checks the plan, and applies exactly that plan (docs/release.md)."""

import hashlib
import json
import os
import re
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ValidationError

from release import manifest
from release.environments import ENVIRONMENTS, EnvironmentName
from release.manifest import Manifest, Sha256, Strict
from release.promotion import Plan
from tooling import commands
from tooling.cli import UserError
from tooling.commands import CommandError
from tooling.paths import ROOT

_TERRAFORM_SECONDS = 1_800
# Data in these is lost for good when they are deleted.
_HOLDS_DATA = {"aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue", "aws_cognito_user_pool"}
# In the error of a plan or apply whose state is locked.
_LOCK = re.compile(r"Error acquiring the state lock.*?Lock Info:.*?ID: +(\S+)", re.DOTALL)
Action = Literal["add", "change", "replace", "destroy"]


class DeployError(UserError):
    """A deployment is refused or failed; the text says why and what to do."""


class Prepared(Strict):
    """A saved plan: for which environment and release, the release's folder, and the digest of the plan's file."""

    environment: EnvironmentName
    release: Sha256
    folder: Path
    sha256: Sha256
    summary: Plan


class Change(Strict):
    """What a plan would do to a resource, by Terraform's address of it.

    `fields` are the names of the fields that would change, never their values; empty unless it exists before and after.
    """

    address: str
    action: Action
    fields: list[str]


class Planned(Strict):
    """What the deployment of a release would do, at a time in UTC."""

    environment: EnvironmentName
    release: Sha256
    at: datetime
    changes: list[Change]


def work_dir(environment: EnvironmentName) -> Path:
    """The folder of an environment's plan and of Terraform's own files."""
    return ROOT / "build" / "deploy" / environment


def emulated() -> bool:
    """Whether the account is one of an engine on this machine, as in a rehearsal."""
    return urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname in {"localhost", "127.0.0.1", "::1"}


def require_pango(release: Manifest) -> None:
    """Check that the release can render invoices in its target environment.

    Raises DeployError: The release has no Pango, and neither has AWS; or it has another system's.
    """
    if release.natives == "lambda-image" or emulated():
        return
    why = {
        "host": "made with --host-pango: its invoice package has no Pango, and AWS has none either",
        "stand-in": "made with a stand-in for Lambda's image: its invoice package has Debian's Pango",
    }
    raise DeployError(
        f"this release was {why[release.natives]}; run `make release` where a Docker engine has the real image, and "
        "deploy that"
    )


def summarise(changes: list[dict[str, Any]]) -> Plan:
    """How many resources a plan adds, changes and destroys; a replacement counts as one added and one destroyed."""
    actions = [action for change in changes for action in change["change"]["actions"]]
    return Plan(add=actions.count("create"), change=actions.count("update"), destroy=actions.count("delete"))


def require_no_data_loss(changes: list[dict[str, Any]], allowed: Collection[str]) -> None:
    """Check that a plan deletes or replaces nothing that holds orders, except the allowed addresses.

    Raises DeployError: it would; names each address.
    """
    removed = [
        change["address"]
        for change in changes
        if change["type"] in _HOLDS_DATA and "delete" in change["change"]["actions"]
        if change["address"] not in allowed
    ]
    if removed:
        raise DeployError(
            f"the plan would delete or replace {', '.join(removed)}; to allow that, add: "
            + " ".join(f"--remove '{address}'" for address in removed)
        )


def prepare(
    environment: EnvironmentName, folder: Path, remove: Collection[str] = (), var_files: Collection[Path] = ()
) -> Prepared:
    """Plan the deployment of the release in a folder with its own Terraform code, and save the plan.

    `remove` has the addresses of resources that may be deleted or replaced; `var_files` are read after the
    environment's own.

    Raises:
        ManifestError: the folder differs from its manifest, or there are uncommitted changes.
        DeployError: the release cannot render invoices in AWS, the plan would lose data, or Terraform failed.
    """
    release = manifest.verify(folder)
    require_pango(release)
    # The code that deploys is that of a commit.
    manifest.commit()
    plan = work_dir(environment) / "plan.tfplan"
    changes = _plan(environment, folder, release, plan, var_files)
    require_no_data_loss(changes, remove)
    prepared = Prepared(
        environment=environment,
        release=release.digest(),
        folder=folder.resolve(),
        sha256=_digest(plan),
        summary=summarise(changes),
    )
    (work_dir(environment) / "plan.json").write_text(prepared.json(indent=2))
    return prepared


def describe(changes: list[dict[str, Any]]) -> list[Change]:
    """What a plan would do, for people; `changes` are `resource_changes` of `terraform show -json`."""
    names: dict[str, Action] = {"create": "add", "update": "change", "delete": "destroy"}
    found = []
    for change in changes:
        actions, before, after = (change["change"].get(name) for name in ("actions", "before", "after"))
        if actions in (["no-op"], ["read"]):
            continue
        fields = []
        if before and after:
            unknown = change["change"].get("after_unknown") or {}
            all_names = sorted({*before, *after, *unknown})
            fields = [name for name in all_names if unknown.get(name) is True or before.get(name) != after.get(name)]
        action: Action = names[actions[0]] if len(actions) == 1 else "replace"
        found.append(Change(address=change["address"], action=action, fields=fields))
    return found


def preview(environment: EnvironmentName, folder: Path, var_files: Collection[Path] = ()) -> Planned:
    """What the deployment of a release would do: for its approvers, or of the live release to find drift.

    Raises:
        ManifestError: the folder differs from its manifest.
        DeployError: Terraform failed.
    """
    release, file = manifest.verify(folder), work_dir(environment) / "preview.tfplan"
    # The role may only read, so it cannot lock the state.
    changes = _plan(environment, folder, release, file, var_files, lock=False)
    described = describe(changes)
    return Planned(environment=environment, release=release.digest(), at=datetime.now(UTC), changes=described)


def read_plan(environment: EnvironmentName) -> Prepared:
    """The saved plan for an environment.

    Raises DeployError: there is no plan, it is for another environment, or its file has changed.
    """
    folder, again = work_dir(environment), f"run `bin/release plan --to {environment}`"
    try:
        prepared = Prepared.parse_raw((folder / "plan.json").read_bytes())
        digest = _digest(folder / "plan.tfplan")
    except (FileNotFoundError, ValidationError):
        raise DeployError(f"there is no plan in {folder}: {again}") from None
    if prepared.environment != environment:
        raise DeployError(f"the plan in {folder} was made for {prepared.environment}, not for {environment}: {again}")
    if digest != prepared.sha256:
        raise DeployError(f"the plan in {folder} has changed since it was made: {again}")
    return prepared


def apply(environment: EnvironmentName) -> Prepared:
    """Apply the saved plan and no other.

    Raises:
        ManifestError: the release's folder has changed since the plan was made.
        DeployError: there is no plan for this environment, or Terraform failed.
    """
    prepared = read_plan(environment)
    manifest.verify(prepared.folder)
    plan = str((work_dir(environment) / "plan.tfplan").resolve())
    _terraform(environment, prepared.folder, "apply", "-input=false", "-parallelism=40", plan)
    return prepared


def unlock(environment: EnvironmentName, lock: str) -> str:
    """Release the lock that a killed Terraform left on the state of an environment; returns what Terraform says.

    Raises DeployError: there is no such lock, or Terraform failed.
    """
    _init(environment, ROOT)
    return _terraform(environment, ROOT, "force-unlock", "-force", lock)


def _digest(path: Path) -> Sha256:
    return Sha256(hashlib.sha256(path.read_bytes()).hexdigest())


def _terraform(environment: EnvironmentName, folder: Path, *arguments: str) -> str:
    """Run Terraform with a release's code; returns what it printed."""
    variables = {
        **os.environ,
        "TF_DATA_DIR": str(work_dir(environment) / "terraform"),
        "TF_IN_AUTOMATION": "1",
        "TF_CLI_ARGS": "-no-color",
        # Else Terraform asks HashiCorp for newer versions.
        "CHECKPOINT_DISABLE": "1",
        "AWS_REGION": ENVIRONMENTS[environment].region,
    }
    command = ["terraform", f"-chdir={folder.resolve() / 'terraform'}", *arguments]
    try:
        return commands.run(f"terraform {arguments[0]}", command, _TERRAFORM_SECONDS, variables).checked()
    except CommandError as error:
        advice = "The traffic has not moved: fix the cause, and run the command again."
        if lock := _LOCK.search(str(error)):
            advice = (
                "Another deployment is running, or was killed. If none is running: "
                f"`bin/release unlock {lock[1]} --to {environment}`, then run the command again."
            )
        raise DeployError(f"{error}\n{advice}") from None


def _init(environment: EnvironmentName, folder: Path) -> None:
    backend = ("-reconfigure", "-lockfile=readonly", f"-backend-config=env/{environment}.backend.hcl")
    _terraform(environment, folder, "init", "-input=false", *backend)


def _plan(
    environment: EnvironmentName,
    folder: Path,
    release: Manifest,
    file: Path,
    var_files: Collection[Path],
    lock: bool = True,
) -> list[dict[str, Any]]:
    """Plan a release into a file; returns the changes, as `terraform show -json` prints them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = ENVIRONMENTS[environment]
    _init(environment, folder)
    _terraform(
        *(environment, folder, "plan", "-input=false", "-parallelism=40"),
        *(f"-lock={str(lock).lower()}", f"-out={file.resolve()}"),
        *(f"-var-file=env/{name}" for name in known.var_files),
        *(f"-var-file={path.resolve()}" for path in var_files),
        # Relative to the code, so that the state names no folder of this machine.
        *("-var=packages_dir=../packages", "-var=templates_dir=../templates"),
        f"-var=architecture={release.architecture}",
    )
    shown = json.loads(_terraform(environment, folder, "show", "-json", str(file.resolve())))
    changes: list[dict[str, Any]] = shown.get("resource_changes", [])
    return changes
