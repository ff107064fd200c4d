"""The way back: traffic and templates of a release that was live before (docs/release.md).

Versions of functions stay in AWS and the bytes of a release in its bucket, so nothing is built, uploaded or planned.
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
    """There is no way back; the text says why."""


def put_templates(client: S3Client, bucket: str, store: Store, release: Manifest) -> list[str]:
    """Put the templates of a release into the bucket that the functions read.

    Args:
        client: of S3.
        bucket: of the templates.
        store: that holds the release.
        release: the manifest.

    Returns:
        The keys whose content was another; the versioned bucket keeps it.
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
    """The deployment to go back to.

    Args:
        store: of the environment.
        environment: whose traffic.
        release: digest of a release that was live; None for the one before.

    Raises:
        RollbackError: there is none.
    """
    if release is None:
        found = history.former(store, environment)
        if found is None:
            raise RollbackError(f"{environment} has no release before the one that is live: deploy one instead")
        return found
    for record in history.newest_first(store, environment):
        if record.release == release:
            return record
    raise RollbackError(f"{release[:12]} was never live in {environment}: promote and deploy it instead")


def roll_back(
    functions: LambdaClient, s3: S3Client, store: Store, to: Deployment, outputs: dict[str, Any]
) -> tuple[Deployment, list[str]]:
    """Give the traffic back to the versions of a former release, each called once before, and its templates with it.

    Returns:
        The record of it, and the templates that were put back.

    Raises:
        TrafficError: a version does not run; nothing was moved.
        ManifestError: the release is not in the bucket, or not whole.
    """
    release = store.manifest(to.release)
    traffic.move_to(functions, to.versions)
    put = put_templates(s3, outputs["templates_bucket"], store, release)
    return history.note(store, to.environment, to.release, "rollback", to.versions), put
