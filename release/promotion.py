"""Records what a release has passed and who approved it, and checks both before a promotion (docs/release.md)."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree  # nosec B405  # it reads our own pytest's report

import requests
from pydantic import Field, ValidationError

from common.models import invalid_fields
from release.environments import ENVIRONMENTS, EnvironmentName
from release.manifest import Manifest, Sha256, Strict
from release.store import Store
from tooling.cli import UserError

_GITHUB_SECONDS = 20
# The role of the reviewers of each GitHub environment, by environment to promote to (docs/release.md).
_GITHUB_ROLES: dict[EnvironmentName, dict[str, str]] = {
    "sit": {"sit": "tech-lead"},
    "prod": {"prod-business-owner": "business-owner", "prod": "tech-lead"},
}


class EvidenceError(UserError):
    """A release may not be promoted or deployed; the text names everything that is missing."""


def tests_passed(junit: Path, to: EnvironmentName) -> int:
    """How many tests passed in an environment, according to a JUnit report of `bin/test e2e`.

    Raises EvidenceError: there is no report, no test passed, or one failed.
    """
    advice = f"run `bin/test e2e --target {to} --report {junit}`"
    try:
        suites = list(ElementTree.parse(junit).iter("testsuite"))  # noqa: S314  # nosec B314  # as above
    except (FileNotFoundError, ElementTree.ParseError):
        raise EvidenceError(f"there is no test report {junit}: {advice}") from None
    kinds = ("tests", "failures", "errors", "skipped")
    tests, failures, errors, skipped = (sum(int(suite.get(kind, 0)) for suite in suites) for kind in kinds)
    failed = failures + errors
    passed = tests - failed - skipped
    if failed or passed < 1:
        raise EvidenceError(f"{junit} is no evidence: {passed} tests passed and {failed} failed; {advice}")
    return passed


class Plan(Strict):
    """How many resources a deployment's plan adds, changes and destroys."""

    add: int = Field(..., ge=0)
    change: int = Field(..., ge=0)
    destroy: int = Field(..., ge=0)


class Record(Strict):
    """Evidence that a release passed its tests in an environment at a time in UTC; a failed test leaves no record.

    `plan` is the size of the plan that was applied, `approvals` are the names of who approved the release, by role.
    """

    release: Sha256
    environment: EnvironmentName
    tests_passed: int = Field(..., gt=0)
    plan: Plan
    approvals: dict[str, str]
    passed_at: datetime


class Promotion(Strict):
    """Permission to deploy a release to an environment, given at a time in UTC, and who approved it, by role."""

    release: Sha256
    environment: EnvironmentName
    approvals: dict[str, str]
    at: datetime


def _key(kind: Literal["evidence", "promotions"], digest: str, environment: EnvironmentName) -> str:
    return f"{kind}/{digest}/{environment}.json"


def record_promotion(store: Store, release: str, environment: EnvironmentName, approvals: Mapping[str, str]) -> None:
    """Record that a release may be deployed to an environment, and who approved it; the first record stays."""
    promotion = Promotion(
        release=Sha256(release), environment=environment, approvals=dict(approvals), at=datetime.now(UTC)
    )
    store.write_once(_key("promotions", release, environment), promotion.json(indent=2).encode())


def approvals_of(store: Store, release: str, environment: EnvironmentName) -> dict[str, str]:
    """Names of who approved a release for an environment, by role.

    Raises EvidenceError: the release was not promoted to it.
    """
    content = store.read(_key("promotions", release, environment))
    if content is None:
        if not ENVIRONMENTS[environment].approvals:
            return {}
        raise EvidenceError(
            f"{release[:12]} was not promoted to {environment}: run `bin/release promote {release} --to {environment}`"
        )
    return Promotion.parse_raw(content).approvals


def record_passed(
    store: Store,
    release: Manifest,
    environment: EnvironmentName,
    tests_passed: int,
    plan: Plan,
    approvals: Mapping[str, str],
) -> Record:
    """Record that a release passed its tests in an environment; the first record stays."""
    record = Record(
        release=release.digest(),
        environment=environment,
        tests_passed=tests_passed,
        plan=plan,
        approvals=dict(approvals),
        passed_at=datetime.now(UTC),
    )
    store.write_once(_key("evidence", record.release, environment), record.json(indent=2).encode())
    return record


def _missing_evidence(store: Store, digest: str, before: EnvironmentName) -> str | None:
    content = store.read(_key("evidence", digest, before))
    if content is None:
        return f"it has not passed {before} (there is no evidence in {store.bucket})"
    try:
        record = Record.parse_raw(content)
    except ValidationError as error:
        return f"the evidence of {before} cannot be read ({invalid_fields(error)})"
    if (record.release, record.environment) != (digest, before):
        return f"the evidence of {before} belongs to another release or environment"
    return None


def require_evidence(source: Store, digest: str, to: EnvironmentName, approvals: Mapping[str, str]) -> None:
    """Check that a release has the approvals for an environment, and its evidence in the bucket of the previous one.

    Raises EvidenceError: evidence or an approval is missing; names each.
    """
    before, required = ENVIRONMENTS[to].before, ENVIRONMENTS[to].approvals
    problem = _missing_evidence(source, digest, before) if before else None
    missing = [problem] if problem else []
    missing += [
        f"the approval of {role} is missing (--approvals {role}=NAME)" for role in required if not approvals.get(role)
    ]
    missing += [f"{role} does not approve {to}" for role in approvals if role not in required]
    people = [approvals[role].strip().lower() for role in required if approvals.get(role)]
    if len(set(people)) < len(people):
        missing.append(f"{' and '.join(required)} must be two different people")
    if missing:
        raise EvidenceError(f"{digest[:12]} cannot go to {to}: {'; '.join(missing)}")


def approvals_by_role(reviews: list[dict[str, Any]], to: EnvironmentName) -> dict[str, str]:
    """Logins of who approved, by role, from GitHub's "Get the review history for a workflow run"."""
    roles = _GITHUB_ROLES.get(to, {})
    return {
        roles[environment["name"]]: review["user"]["login"]
        for review in reviews
        if review["state"] == "approved"
        for environment in review["environments"]
        if environment["name"] in roles
    }


def approvals_in_github(to: EnvironmentName, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Logins of who approved this workflow run, by role; GITHUB_TOKEN needs `actions: read`.

    Raises EvidenceError: GitHub does not respond, or refuses the token.
    """
    url = "{GITHUB_API_URL}/repos/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/approvals".format_map(variables)
    token = variables.get("GITHUB_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    try:
        response = requests.get(url, headers=headers, timeout=_GITHUB_SECONDS)
        response.raise_for_status()
        return approvals_by_role(response.json(), to)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"cannot read who approved this run from {url}: {error}") from None
