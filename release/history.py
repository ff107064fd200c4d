"""What had the traffic of an environment when: one record for each deployment and rollback, never changed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from pydantic import ValidationError

from release.environments import EnvironmentName
from release.manifest import ManifestError, Sha256, Strict
from release.store import Store


class Deployment(Strict):
    """That a release got the traffic of an environment.

    Args:
        release: digest of its manifest.
        environment: where.
        kind: a deployment, or a way back to one.
        versions: of each function, by its name in AWS.
        at: when, in UTC.
    """

    release: Sha256
    environment: EnvironmentName
    kind: Literal["deploy", "rollback"]
    versions: dict[str, str]
    at: datetime


def _prefix(environment: EnvironmentName) -> str:
    # The fail-over's bucket holds a copy of prod's records too.
    return f"deployments/{environment}/"


def note(
    store: Store,
    environment: EnvironmentName,
    release: str,
    kind: Literal["deploy", "rollback"],
    versions: dict[str, str],
) -> Deployment:
    """Write down that a release has the traffic."""
    deployment = Deployment(
        release=Sha256(release), environment=environment, kind=kind, versions=versions, at=datetime.now(UTC)
    )
    store.write_once(
        f"{_prefix(environment)}{deployment.at:%Y%m%dT%H%M%S.%f}Z.json", deployment.json(indent=2).encode()
    )
    return deployment


def newest_first(store: Store, environment: EnvironmentName) -> Iterator[Deployment]:
    """The deployments of an environment.

    Raises:
        ManifestError: a record cannot be read.
    """
    for key in reversed(store.keys(_prefix(environment))):
        try:
            yield Deployment.parse_raw(store.read(key) or b"")
        except ValidationError:
            raise ManifestError(f"{key} in {store.bucket} is not the record of a deployment") from None


def live(store: Store, environment: EnvironmentName) -> Deployment | None:
    """What has the traffic now; None before the first deployment."""
    return next(newest_first(store, environment), None)


def former(store: Store, environment: EnvironmentName) -> Deployment | None:
    """What a rollback goes to: the release that was deployed before the one that is live; None if there is none."""
    records = list(newest_first(store, environment))
    if not records:
        return None
    deployed = [record for record in records if record.kind == "deploy"]
    since = next((n for n, record in enumerate(deployed) if record.release == records[0].release), len(deployed))
    return next((record for record in deployed[since:] if record.release != records[0].release), None)
