"""Who approved a run of GitHub Actions, asked of GitHub itself (R10)."""

import os
from collections.abc import Mapping
from typing import Any

import requests

from release.environments import EnvironmentName
from release.promotion import EvidenceError

_SECONDS = 20
# The environments that gate a promotion, and whose reviewers each has (docs/release.md).
_ROLES: dict[EnvironmentName, dict[str, str]] = {
    "dev": {},
    "sit": {"sit": "tech-lead"},
    "prod": {"prod-business-owner": "business-owner", "prod": "tech-lead"},
    "failover": {"prod-business-owner": "business-owner", "prod": "tech-lead"},
}


def in_github() -> bool:
    """Whether this runs in GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def by_role(reviews: list[dict[str, Any]], to: EnvironmentName) -> dict[str, str]:
    """Who approved, by role.

    Args:
        reviews: as GitHub's "Get the review history for a workflow run" answers.
        to: the environment that is promoted to.
    """
    roles = _ROLES[to]
    return {
        roles[environment["name"]]: review["user"]["login"]
        for review in reviews
        if review["state"] == "approved"
        for environment in review["environments"]
        if environment["name"] in roles
    }


def of_this_run(to: EnvironmentName, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Who approved the workflow run that this is a part of, by role.

    Args:
        to: the environment that is promoted to.
        variables: of GitHub Actions, with GITHUB_TOKEN, which needs `actions: read`.

    Raises:
        EvidenceError: GitHub does not say.
    """
    url = "{GITHUB_API_URL}/repos/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/approvals".format_map(variables)
    headers = {
        "Authorization": f"Bearer {variables.get('GITHUB_TOKEN', '')}",
        "Accept": "application/vnd.github+json",
    }
    try:
        answer = requests.get(url, headers=headers, timeout=_SECONDS)
        answer.raise_for_status()
        return by_role(answer.json(), to)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"GitHub does not say who approved this run ({error}): {url}") from None
