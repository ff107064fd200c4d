"""A release into an environment: the plan is made, looked at, and exactly that plan is applied (docs/release.md)."""

import hashlib
import ipaddress
import json
import os
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ValidationError

from release import manifest
from release.environments import ENVIRONMENTS, EnvironmentName
from release.manifest import Sha256, Strict
from release.promotion import Plan
from tooling import commands
from tooling.cli import UserError
from tooling.commands import CommandError
from tooling.paths import ROOT

_TERRAFORM_SECONDS = 1_800
# What holds orders, or the way to them: what is lost with it does not come back.
_KEPT = {"aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue", "aws_cognito_user_pool"}


class DeployError(UserError):
    """A deployment is refused or failed; the text says why and what to do."""


class Prepared(Strict):
    """A saved plan, and what it is a plan for.

    Args:
        environment: that it may be applied to.
        release: digest of the manifest that it deploys.
        folder: of the release.
        sha256: of the plan's file.
        summary: what it does.
    """

    environment: EnvironmentName
    release: Sha256
    folder: Path
    sha256: Sha256
    summary: Plan


class Change(Strict):
    """What a plan would do to a resource.

    Args:
        address: of it in Terraform.
        action: add, change, replace or destroy.
        fields: that would be others than now, for a change; names, never values.
    """

    address: str
    action: Literal["add", "change", "replace", "destroy"]
    fields: list[str]


class Planned(Strict):
    """What the deployment of a release would do now.

    Args:
        environment: to which.
        release: digest of its manifest.
        at: when it was planned, in UTC.
        changes: what it would do; empty for nothing.
    """

    environment: EnvironmentName
    release: Sha256
    at: datetime
    changes: list[Change]


def work_dir(environment: EnvironmentName) -> Path:
    """Where an environment's plan and Terraform's own files are."""
    return ROOT / "build" / "deploy" / environment


def _terraform(environment: EnvironmentName, code: Path, *arguments: str) -> str:
    variables = {
        **os.environ,
        "TF_DATA_DIR": str(work_dir(environment) / "terraform"),
        "TF_IN_AUTOMATION": "1",
        "AWS_REGION": ENVIRONMENTS[environment].region,
    }
    try:
        return commands.run(
            f"terraform {arguments[0]}", ["terraform", f"-chdir={code}", *arguments], _TERRAFORM_SECONDS, variables
        ).checked()
    except CommandError as error:
        raise DeployError(
            f"{error}\nThe traffic is where it was: mend what Terraform names, and run the command again."
        ) from None


def require_clean() -> None:
    """Check that the commands which deploy are those of a commit.

    Raises:
        DeployError: there are changes that are not committed.
    """
    try:
        manifest.commit()
    except manifest.ManifestError as error:
        raise DeployError(f"nothing is deployed from a tree that no commit describes: {error}") from None


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


def prepare(
    environment: EnvironmentName, folder: Path, remove: Collection[str] = (), var_files: Collection[Path] = ()
) -> Prepared:
    """Plan the deployment of a release with its own Terraform code, and keep the plan.

    Args:
        environment: to deploy to.
        folder: of the release.
        remove: addresses of resources that may be deleted or replaced.
        var_files: of Terraform, beside the release's for the environment; the rehearsal has one.

    Raises:
        ManifestError: the folder is not the release that was made.
        DeployError: there are changes that are not committed, the release cannot draw in AWS, or the plan would remove
            what must be kept.
    """
    found = manifest.verify(folder)
    require_drawing(found)
    require_clean()
    target = work_dir(environment)
    target.mkdir(parents=True, exist_ok=True)
    plan = target / "plan.tfplan"
    changes = _plan(environment, folder, found, plan, var_files)
    require_kept(changes, remove)
    prepared = Prepared(
        environment=environment,
        release=Sha256(found.digest()),
        folder=folder.resolve(),
        sha256=Sha256(hashlib.sha256(plan.read_bytes()).hexdigest()),
        summary=summarise(changes),
    )
    (target / "plan.json").write_text(prepared.json(indent=2))
    return prepared


def _plan(
    environment: EnvironmentName,
    folder: Path,
    release: manifest.Manifest,
    plan: Path,
    var_files: Collection[Path],
    lock: bool = True,
) -> list[dict[str, Any]]:
    """Plan a release into a file; return the changes, as `terraform show -json` gives them."""
    place, code = ENVIRONMENTS[environment], folder.resolve() / "terraform"
    _terraform(
        environment,
        code,
        *("init", "-input=false", "-reconfigure", "-lockfile=readonly"),
        f"-backend-config=env/{place.backend}",
    )
    _terraform(
        environment,
        code,
        *("plan", "-input=false", "-parallelism=40", f"-lock={str(lock).lower()}", f"-out={plan.resolve()}"),
        *(f"-var-file=env/{name}" for name in place.var_files),
        *(f"-var-file={path.resolve()}" for path in var_files),
        # From the code, so that the state names no folder of the machine that deployed.
        *("-var=packages_dir=../packages", "-var=templates_dir=../templates"),
        f"-var=architecture={release.architecture}",
    )
    changes: list[dict[str, Any]] = json.loads(_terraform(environment, code, "show", "-json", str(plan.resolve()))).get(
        "resource_changes", []
    )
    return changes


def described(changes: list[dict[str, Any]]) -> list[Change]:
    """What a plan would do, for people; `changes` are `resource_changes` of `terraform show -json`."""
    found = []
    for change in changes:
        actions, before, after = (change["change"].get(name) for name in ("actions", "before", "after"))
        if actions in (["no-op"], ["read"]):
            continue
        action: Literal["add", "change", "replace", "destroy"] = "replace"
        if len(actions) == 1:
            action = {"create": "add", "update": "change", "delete": "destroy"}[actions[0]]  # type: ignore[assignment]
        unknown = change["change"].get("after_unknown") or {}
        fields = [
            name
            for name in sorted({*(before or {}), *(after or {}), *unknown})
            if unknown.get(name) is True or (before or {}).get(name) != (after or {}).get(name)
        ]
        found.append(Change(address=change["address"], action=action, fields=fields if before and after else []))
    return found


def look(environment: EnvironmentName, folder: Path, var_files: Collection[Path] = ()) -> Planned:
    """What the deployment of a release would do, for who is to approve it; keeps no plan and takes no lock.

    Raises:
        ManifestError: the folder is not the release that was made.
        DeployError: Terraform failed.
    """
    found, changes = _plan_to_read(environment, folder, "look", var_files)
    return Planned(
        environment=environment, release=Sha256(found.digest()), at=datetime.now(UTC), changes=described(changes)
    )


def _plan_to_read(
    environment: EnvironmentName, folder: Path, name: str, var_files: Collection[Path]
) -> tuple[manifest.Manifest, list[dict[str, Any]]]:
    found = manifest.verify(folder)
    target = work_dir(environment)
    target.mkdir(parents=True, exist_ok=True)
    # The role may only read, and so cannot take the lock.
    return found, _plan(environment, folder, found, target / f"{name}.tfplan", var_files, lock=False)


def drift(environment: EnvironmentName, folder: Path, var_files: Collection[Path] = ()) -> list[str]:
    """What a plan of the release that is live would change: nothing, if nobody changed the environment by hand.

    Args:
        environment: to look at.
        folder: of the release that is live.
        var_files: as for `prepare`.

    Returns:
        The addresses of what differs, with what would be done.

    Raises:
        ManifestError: the folder is not the release that was made.
        DeployError: Terraform failed.
    """
    _, changes = _plan_to_read(environment, folder, "drift", var_files)
    return [
        f"{change['address']} ({', '.join(change['change']['actions'])})"
        for change in changes
        if change["change"]["actions"] not in (["no-op"], ["read"])
    ]


def read(folder: Path, environment: EnvironmentName) -> Prepared:
    """The plan in a folder.

    Raises:
        DeployError: there is none, it is for another environment, or its file is not the one that was looked at.
    """
    try:
        prepared = Prepared.parse_raw((folder / "plan.json").read_bytes())
        digest = hashlib.sha256((folder / "plan.tfplan").read_bytes()).hexdigest()
    except (FileNotFoundError, ValidationError):
        raise DeployError(f"there is no plan in {folder}: run `bin/release plan --to {environment}`") from None
    if prepared.environment != environment:
        raise DeployError(
            f"the plan in {folder} was made for {prepared.environment}, not for {environment}: "
            f"run `bin/release plan --to {environment}`"
        )
    if digest != prepared.sha256:
        raise DeployError(f"the plan in {folder} has changed since it was made: run `bin/release plan` again")
    return prepared


def apply(environment: EnvironmentName) -> Prepared:
    """Apply the plan that was kept, and no other.

    Raises:
        ManifestError: the release's folder has changed since the plan was made.
        DeployError: there is no plan for this environment, or Terraform failed.
    """
    prepared = read(work_dir(environment), environment)
    manifest.verify(prepared.folder)
    plan = str((work_dir(environment) / "plan.tfplan").resolve())
    _terraform(environment, prepared.folder / "terraform", "apply", "-input=false", "-parallelism=40", plan)
    return prepared
