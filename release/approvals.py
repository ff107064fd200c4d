"""Reads from GitHub who approved a run of GitHub Actions."""

import os
from collections.abc import Mapping
from typing import Any

import requests

from release.environments import EnvironmentName
from release.promotion import EvidenceError

_SECONDS = 20
# The role of the reviewers of each GitHub environment, by environment to promote to (docs/release.md).
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
    """Logins of who approved, by role, from GitHub's "Get the review history for a workflow run"."""
    roles = _ROLES[to]
    return {
        roles[environment["name"]]: review["user"]["login"]
        for review in reviews
        if review["state"] == "approved"
        for environment in review["environments"]
        if environment["name"] in roles
    }


def of_this_run(to: EnvironmentName, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Logins of who approved this workflow run, by role.

    Args:
        to: The environment to promote to.
        variables: Variables of GitHub Actions; GITHUB_TOKEN needs `actions: read`.

    Raises:
        EvidenceError: GitHub does not respond, or refuses the token.
    """
    url = "{GITHUB_API_URL}/repos/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/approvals".format_map(variables)
    headers = {
        "Authorization": f"Bearer {variables.get('GITHUB_TOKEN', '')}",
        "Accept": "application/vnd.github+json",
    }
    try:
        response = requests.get(url, headers=headers, timeout=_SECONDS)
        response.raise_for_status()
        return by_role(response.json(), to)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"cannot read who approved this run from {url}: {error}") from None
