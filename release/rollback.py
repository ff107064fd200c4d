"""Rolls back to a release that was live before: traffic and templates (docs/release.md).

AWS keeps the versions of functions and the bucket the bytes of releases, so nothing is built, uploaded or planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from release import history, templates, traffic
from release.environments import EnvironmentName
from release.history import Deployment
from release.manifest import Manifest
from release.store import Store
from tooling.cli import UserError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client


class RollbackError(UserError):
    """There is no release to roll back to; the text says why and what to do."""


def put_templates(client: S3Client, bucket: str, store: Store, release: Manifest) -> list[str]:
    """Put the templates of a release into the bucket that the functions read.

    Args:
        client: Client of S3.
        bucket: Bucket of the templates.
        store: Release bucket.
        release: Manifest of the release.

    Returns:
        The keys that changed; the versioned bucket keeps their old content.
    """
    changed = []
    for name, file in release.files.items():
        folder, _, key = name.partition("/")
        if folder != "templates" or not key.endswith(templates.ENDINGS):
            continue
        if templates.put(client, bucket, key, store.file(name, file.sha256)):
            changed.append(key)
    return changed


def target(store: Store, environment: EnvironmentName, release: str | None) -> Deployment:
    """The deployment to roll back to.

    Args:
        store: Release bucket of the environment.
        environment: The environment.
        release: Digest of a release that was live; None for the previous one.

    Raises:
        RollbackError: there is no such deployment.
    """
    if release is None:
        found = history.previous(store, environment)
        if found is None:
            raise RollbackError(f"{environment} has no earlier release than the live one: deploy one instead")
        return found
    for record in history.newest_first(store, environment):
        if record.release == release:
            return record
    raise RollbackError(f"{release[:12]} was never live in {environment}: promote and deploy it instead")


def roll_back(
    functions: LambdaClient, s3: S3Client, store: Store, to: Deployment, outputs: dict[str, Any]
) -> tuple[Deployment, list[str]]:
    """Give traffic and templates back to an earlier release, once each of its versions runs.

    Returns:
        The record of the rollback, and the templates that changed.

    Raises:
        TrafficError: a version does not run; nothing moved.
        ManifestError: the bucket does not have the whole release.
    """
    release = store.manifest(to.release)
    traffic.move_to(functions, to.versions)
    put = put_templates(s3, outputs["templates_bucket"], store, release)
    return history.record(store, to.environment, to.release, "rollback", to.versions), put
