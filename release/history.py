"""The history of an environment: one unchanging record for each deployment and rollback."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import dropwhile
from typing import Literal

from pydantic import ValidationError

from release.environments import EnvironmentName
from release.manifest import ManifestError, Sha256, Strict
from release.store import Store
from tooling.cli import UserError

Kind = Literal["deploy", "rollback"]


class RollbackError(UserError):
    """There is no release to roll back to; the text says why and what to do."""


class Deployment(Strict):
    """A release got the traffic of an environment at a time in UTC, with a version of each function by name in AWS.

    `canary_calls` has how many calls each new version had in a canary, by name of its function; None without a canary.
    In a `quiet_canary` they were too few to judge it, and somebody allowed that.
    """

    release: Sha256
    environment: EnvironmentName
    kind: Kind
    versions: dict[str, str]
    at: datetime
    canary_calls: dict[str, int] | None = None
    quiet_canary: bool = False


def _prefix(environment: EnvironmentName) -> str:
    # The fail-over's bucket also has a replica of prod's records.
    return f"deployments/{environment}/"


def record(
    store: Store,
    environment: EnvironmentName,
    release: str,
    kind: Kind,
    versions: dict[str, str],
    canary_calls: dict[str, int] | None = None,
    quiet_canary: bool = False,
) -> Deployment:
    """Record that a release has the traffic now."""
    now = datetime.now(UTC)
    found = Deployment(
        release=Sha256(release),
        environment=environment,
        kind=kind,
        versions=versions,
        at=now,
        canary_calls=canary_calls,
        quiet_canary=quiet_canary,
    )
    store.write_once(f"{_prefix(environment)}{now:%Y%m%dT%H%M%S.%f}Z.json", found.json(indent=2).encode())
    return found


def newest_first(store: Store, environment: EnvironmentName) -> Iterator[Deployment]:
    """The deployments and rollbacks of an environment, newest first. Raises ManifestError: a record cannot be read."""
    for key in reversed(store.keys(_prefix(environment))):
        try:
            yield Deployment.parse_raw(store.read(key) or b"")
        except ValidationError:
            raise ManifestError(f"{key} in {store.bucket} is not a record of a deployment") from None


def live(store: Store, environment: EnvironmentName) -> Deployment | None:
    """The release that has the traffic; None before the first deployment."""
    return next(newest_first(store, environment), None)


def previous(store: Store, environment: EnvironmentName) -> Deployment | None:
    """The release to roll back to: the one deployed before the live one; None if there is no such release."""
    records = list(newest_first(store, environment))
    deployed = [record for record in records if record.kind == "deploy"]
    # After a rollback, newer deployments than that of the live release do not count.
    up_to_live = dropwhile(lambda record: record.release != records[0].release, deployed)
    return next((record for record in up_to_live if record.release != records[0].release), None)


def rollback_target(store: Store, environment: EnvironmentName, release: str | None) -> Deployment:
    """The deployment to roll back to: of a release that was live, or of the previous one if None is given.

    Raises RollbackError: there is no such deployment.
    """
    if release is None:
        found = previous(store, environment)
        problem = f"{environment} has no earlier release than the live one: deploy one instead"
    else:
        found = next((past for past in newest_first(store, environment) if past.release == release), None)
        problem = f"{release[:12]} was never live in {environment}: promote and deploy it instead"
    if found is None:
        raise RollbackError(problem)
    return found
