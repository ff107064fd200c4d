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
    """Put the templates of a release into the bucket that the functions read; returns the keys that changed."""
    found = {name.removeprefix("templates/"): name for name in release.files if name.startswith("templates/")}
    return [
        key
        for key, name in found.items()
        if key.endswith(templates.ENDINGS)
        and templates.put(client, bucket, key, store.file(name, release.files[name].sha256))
    ]


def target(store: Store, environment: EnvironmentName, release: str | None) -> Deployment:
    """The deployment to roll back to: of a release that was live, or of the previous one if None is given.

    Raises:
        RollbackError: there is no such deployment.
    """
    if release is None:
        found = history.previous(store, environment)
        problem = f"{environment} has no earlier release than the live one: deploy one instead"
    else:
        found = next((past for past in history.newest_first(store, environment) if past.release == release), None)
        problem = f"{release[:12]} was never live in {environment}: promote and deploy it instead"
    if found is None:
        raise RollbackError(problem)
    return found


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
