"""What a release has passed where, and what the next stage asks for (R1, R10; docs/release.md)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree  # nosec B405  # what it reads is our own pytest's

from pydantic import Field, ValidationError

from release.environments import ENVIRONMENTS, EnvironmentName
from release.manifest import Manifest, Sha256, Strict
from release.store import Store
from tooling.cli import UserError


class EvidenceError(UserError):
    """A release may not go on; the text says everything that is missing."""


def tests_passed(junit: Path) -> int:
    """How many tests a JUnit report (`pytest --junitxml`) says have passed.

    Raises:
        EvidenceError: there is no report, none passed, or one did not.
    """
    try:
        suites = list(ElementTree.parse(junit).iter("testsuite"))  # noqa: S314  # nosec B314  # as above
    except (FileNotFoundError, ElementTree.ParseError):
        raise EvidenceError(f"there is no test report {junit}: run the tests with --junitxml={junit}") from None

    def count(kind: str) -> int:
        return sum(int(suite.get(kind, 0)) for suite in suites)

    failed = count("failures") + count("errors")
    passed = count("tests") - failed - count("skipped")
    if failed or passed < 1:
        raise EvidenceError(
            f"{junit}: {passed} tests passed and {failed} did not; that is no evidence: run `make e2e` again"
        )
    return passed


class Plan(Strict):
    """How many resources a deployment's plan adds, changes and destroys."""

    add: int = Field(..., ge=0)
    change: int = Field(..., ge=0)
    destroy: int = Field(..., ge=0)


class Record(Strict):
    """That a release passed in an environment.

    Args:
        release: digest of its manifest.
        environment: where.
        tests_passed: how many end-to-end tests did; one that fails leaves no record.
        plan: what was applied.
        approvals: who approved it for this environment, by role.
        passed_at: when, in UTC.
    """

    release: Sha256
    environment: EnvironmentName
    tests_passed: int = Field(..., gt=0)
    plan: Plan
    approvals: dict[str, str]
    passed_at: datetime


class Promotion(Strict):
    """That a release may be deployed to an environment.

    Args:
        release: digest of its manifest.
        environment: where.
        approvals: who approved it, by role.
        at: when, in UTC.
    """

    release: Sha256
    environment: EnvironmentName
    approvals: dict[str, str]
    at: datetime


def _key(digest: str, environment: EnvironmentName) -> str:
    return f"evidence/{digest}/{environment}.json"


def _promotion_key(digest: str, environment: EnvironmentName) -> str:
    return f"promotions/{digest}/{environment}.json"


def promoted(store: Store, release: str, environment: EnvironmentName, approvals: Mapping[str, str]) -> None:
    """Note that a release may be deployed to an environment, and who approved; the first note of it stays."""
    promotion = Promotion(
        release=Sha256(release), environment=environment, approvals=dict(approvals), at=datetime.now(UTC)
    )
    store.write_once(_promotion_key(release, environment), promotion.json(indent=2).encode())


def approvals_of(store: Store, release: str, environment: EnvironmentName) -> dict[str, str]:
    """Who approved a release for an environment, by role.

    Args:
        store: of the environment.
        release: digest of its manifest.
        environment: where it is to be deployed.

    Raises:
        EvidenceError: it was not promoted there.
    """
    content = store.read(_promotion_key(release, environment))
    if content is None:
        if not ENVIRONMENTS[environment].approvals:
            return {}
        raise EvidenceError(
            f"{release[:12]} was not promoted to {environment}: run `bin/release promote {release} --to {environment}`"
        )
    return Promotion.parse_raw(content).approvals


def write(
    store: Store,
    release: Manifest,
    environment: EnvironmentName,
    tests_passed: int,
    plan: Plan,
    approvals: Mapping[str, str],
) -> Record:
    """Note that a release passed in an environment; the first note of it stays."""
    record = Record(
        release=Sha256(release.digest()),
        environment=environment,
        tests_passed=tests_passed,
        plan=plan,
        approvals=dict(approvals),
        passed_at=datetime.now(UTC),
    )
    store.write_once(_key(record.release, environment), record.json(indent=2).encode())
    return record


def _missing_proof(store: Store | None, digest: str, before: EnvironmentName) -> str | None:
    content = store.read(_key(digest, before)) if store else None
    if content is None:
        bucket = store.bucket if store else ENVIRONMENTS[before].release_bucket
        return f"{before} has not passed it (there is no evidence in {bucket})"
    try:
        record = Record.parse_raw(content)
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return f"the evidence of {before} cannot be read ({fields})"
    if (record.release, record.environment) != (digest, before):
        return f"the evidence of {before} is of another release or environment"
    return None


def require(store_before: Store | None, digest: str, to: EnvironmentName, approvals: Mapping[str, str]) -> None:
    """Check that a release may go to an environment.

    Args:
        store_before: the bucket with the evidence of the environment before; None for dev, which has none.
        digest: of the release's manifest.
        to: the environment.
        approvals: who approved, by role.

    Raises:
        EvidenceError: a proof or an approval is missing; the text names each.
    """
    missing = []
    before = ENVIRONMENTS[to].before
    if before:
        proof = _missing_proof(store_before, digest, before)
        missing += [proof] if proof else []
    wanted = ENVIRONMENTS[to].approvals
    missing += [
        f"the approval of {role} is missing (--approvals {role}=NAME)" for role in wanted if not approvals.get(role)
    ]
    missing += [f"{role} is no role that approves {to}" for role in approvals if role not in wanted]
    people = [approvals[role].strip().lower() for role in wanted if approvals.get(role)]
    if len(set(people)) < len(people):
        missing.append(f"{' and '.join(wanted)} must be two people")
    if missing:
        raise EvidenceError(f"{digest[:12]} cannot go to {to}: {'; '.join(missing)}")
