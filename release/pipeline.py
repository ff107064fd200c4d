"""The steps that take a release from account to account: promote, deploy, shift, record, roll back, find drift.

Each step finds the buckets, outputs and clients of its environment in the account that the shell is signed in to.
Start here, then docs/release.md.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from release import canary, deploy, history, manifest, promotion, traffic
from release.environments import ENVIRONMENTS, EnvironmentName, terraform_outputs
from release.history import Deployment
from release.manifest import Manifest
from release.promotion import EvidenceError, Record
from release.store import Store
from release.traffic import Move, Shares
from tooling.paths import ROOT

RELEASE_FOLDER = ROOT / "build" / "release"
CANARY_SECONDS = 600.0


def client(service: Any, environment: EnvironmentName) -> Any:
    """Client of an AWS service in the region of an environment."""
    return boto3.client(service, region_name=ENVIRONMENTS[environment].region)


def store(environment: EnvironmentName) -> Store:
    """Release bucket of an environment."""
    return Store(client("s3", environment), ENVIRONMENTS[environment].release_bucket)


def outputs(environment: EnvironmentName) -> dict[str, Any]:
    """Terraform's outputs of an environment."""
    known = ENVIRONMENTS[environment]
    return terraform_outputs(client("s3", environment), known.state_bucket, known.state_key)


def environment_before(to: EnvironmentName) -> EnvironmentName:
    """The environment that a release is promoted from.

    Raises EvidenceError: nothing is promoted to this environment.
    """
    before = ENVIRONMENTS[to].before
    if before is None or to == "failover":
        raise EvidenceError(
            f"nothing is promoted to {to}: "
            + ("`bin/release upload` puts a release there" if before is None else "prod's releases are replicated")
        )
    return before


def promote(to: EnvironmentName, digest: str, given: Mapping[str, str]) -> Manifest:
    """Copy a release to the bucket of an environment, once it has passed the environment before.

    `given` are the names of the approvers by role; in GitHub Actions the reviews of the run count instead.

    Raises:
        EvidenceError: a record or an approval is missing.
        ManifestError: the bucket does not have the whole release.
    """
    source, target = store(environment_before(to)), store(to)
    in_github = os.environ.get("GITHUB_ACTIONS") == "true"
    approved = promotion.approvals_in_github(to) if in_github else given
    promotion.require_evidence(source, digest, to, approved)
    copied = target.copy_from(source, digest)
    promotion.record_promotion(target, digest, to, approved)
    return copied


def release_to_deploy(to: EnvironmentName, given: str | None) -> str:
    """Digest of the release to deploy: the given one; by default build/release in dev, and prod's in the fail-over.

    Raises:
        DeployError: none is given, and the environment has no default.
        ManifestError: build/release is not there.
    """
    if given:
        return given
    if to == "dev":
        return manifest.read(RELEASE_FOLDER / manifest.NAME).digest()
    live = history.live(store(to), "prod") if to == "failover" else None
    if live is None:
        raise deploy.DeployError(f"name the release to deploy to {to}: `bin/release deploy DIGEST --to {to}`")
    return live.release


def _approvals_of(to: EnvironmentName, digest: str) -> dict[str, str]:
    # Prod's approvals hold for its fail-over too.
    return promotion.approvals_of(store(to), digest, "prod" if to == "failover" else to)


def plan(to: EnvironmentName, digest: str, remove: Collection[str], var_files: Collection[Path]) -> deploy.Prepared:
    """Download a promoted release and plan its deployment.

    Raises:
        EvidenceError: the release was not promoted to this environment.
        ManifestError: the bucket does not have the whole release.
        DeployError: the plan is refused or failed.
    """
    _approvals_of(to, digest)
    folder = deploy.work_dir(to) / "release"
    store(to).download(digest, folder)
    return deploy.prepare(to, folder, remove, var_files)


def _restore_templates(to: EnvironmentName, bucket: str) -> None:
    """Put the templates of the live release back; Terraform puts those of the next one before the traffic moves."""
    releases = store(to)
    if live := history.live(releases, to):
        Store(client("s3", to), bucket).put_templates(releases, releases.manifest(live.release))


def _live_versions(to: EnvironmentName, found: Mapping[str, Any]) -> dict[str, str]:
    """The versions of the live release, by name of those functions that Terraform still has."""
    live = history.live(store(to), to)
    names = found["function_names"].values()
    return {name: version for name, version in live.versions.items() if name in names} if live else {}


def settle(to: EnvironmentName) -> dict[str, tuple[Shares, str]]:
    """Return traffic and templates to the live release where a deployment died while it moved the traffic.

    Returns who had the traffic, and which version has it again, by name of the function.
    """
    if history.live(store(to), to) is None:
        return {}
    found = outputs(to)
    versions = _live_versions(to, found)
    settled = traffic.settle(client("lambda", to), versions)
    if settled:
        _restore_templates(to, found["templates_bucket"])
    return {name: (had, versions[name]) for name, had in settled.items()}


def shift(to: EnvironmentName, digest: str, seconds: float, allow_quiet_canary: bool = False) -> dict[str, Move]:
    """Move the traffic to the new versions: at once, or in prod 10 % first, while calls and alarms are watched.

    Records it in the history, and returns what moved by function.

    Raises:
        TrafficError: a version does not run, or its canary failed; the old versions have the traffic.
    """
    found, functions = outputs(to), client("lambda", to)
    names, alarms = list(found["function_names"].values()), list(found["alarm_names"])
    required_calls = 0 if allow_quiet_canary else canary.REQUIRED_CALLS
    # A deployment that died may be why an alarm is in ALARM.
    traffic.settle(functions, _live_versions(to, found))
    try:
        if ENVIRONMENTS[to].canary:
            moved = canary.run(functions, client("cloudwatch", to), names, alarms, seconds, required_calls)
        else:
            moved = traffic.move_to_newest(functions, names)
    except BaseException:
        # After Ctrl-C too.
        _restore_templates(to, found["templates_bucket"])
        raise
    calls = {name: move.calls for name, move in moved.items() if move.calls is not None}
    live = traffic.live_versions(functions, names)
    quiet = any(had < canary.REQUIRED_CALLS for had in calls.values())
    history.record(store(to), to, digest, "deploy", live, calls or None, quiet)
    return moved


def record(to: EnvironmentName, report: Path) -> Record:
    """Record that the release of the last plan passed its tests in an environment, by their JUnit report.

    Raises:
        EvidenceError: the report is missing, a test failed, or the release was not promoted.
        DeployError: there is no plan for this environment.
    """
    prepared = deploy.read_plan(to)
    approved = _approvals_of(to, prepared.release)
    release = store(to).manifest(prepared.release)
    passed = promotion.tests_passed(report, to)
    return promotion.record_passed(store(to), release, to, passed, prepared.summary, approved)


def roll_back(to: EnvironmentName, digest: str | None) -> tuple[Deployment, list[str]]:
    """Return traffic and templates to a release that was live before: the given one, or the previous one.

    AWS keeps the versions of functions and the bucket the templates, so nothing is built or planned. Returns the record
    of the rollback, and the templates that changed.

    Raises:
        RollbackError: there is no such release.
        TrafficError: a version does not run; nothing moved.
        ManifestError: the bucket does not have the whole release.
    """
    releases = store(to)
    target = history.rollback_target(releases, to, digest)
    release = releases.manifest(target.release)
    traffic.move_to(client("lambda", to), target.versions)
    changed = Store(client("s3", to), outputs(to)["templates_bucket"]).put_templates(releases, release)
    return history.record(releases, to, target.release, "rollback", target.versions), changed


class Drift(NamedTuple):
    """How an environment differs from its live release: planned changes, and functions with other versions."""

    planned: deploy.Planned
    misplaced: dict[str, Shares]

    @property
    def lines(self) -> list[str]:
        """A line for each difference."""
        changes = [f"{change.address} ({change.action})" for change in self.planned.changes]
        traffic = [f"{name}: {has} (a deployment is running, or died)" for name, has in self.misplaced.items()]
        return [*traffic, *changes]

    def __str__(self) -> str:
        return "\n".join([f"{self.planned.environment} differs from release {self.planned.release[:12]}:", *self.lines])


def drift(to: EnvironmentName, var_files: Collection[Path]) -> Drift | None:
    """Compare an environment with its live release; None if nothing is live."""
    live = history.live(store(to), to)
    if live is None:
        return None
    folder = deploy.work_dir(to) / "drift"
    store(to).download(live.release, folder)
    misplaced = traffic.misplaced(client("lambda", to), _live_versions(to, outputs(to)))
    return Drift(deploy.preview(to, folder, var_files), misplaced)


def publish_drift(to: EnvironmentName, found: Drift) -> None:
    """Publish the differences as an alert."""
    client("sns", to).publish(
        TopicArn=outputs(to)["alerts_topic_arn"],
        Subject=f"Drift in {to}: {len(found.lines)} differences",
        Message=str(found),
    )
