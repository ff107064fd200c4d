"""STS: the claims that a trust policy can check."""

from typing import Any

from ministack.services import cognito, sts

from localstack.ministack_patches.patching import Function, replaces

_GITHUB = "token.actions.githubusercontent.com"
_CLAIMS = ("actor", "actor_id", "environment", "job_workflow_ref", "ref", "repository", "repository_id", "workflow")


@replaces(sts, "_web_identity_principal")
def give_github_claims(principal_of: Function, token: str, *request: str) -> tuple[str, dict[str, Any]]:
    """Evaluate trust policies with GitHub's own claims too; MiniStack knows `aud`, `sub` and `amr` only.

    Source: IAM User Guide, "Available keys for AWS OIDC federation".
    """
    principal, keys = principal_of(token, *request)
    if principal.endswith(f"oidc-provider/{_GITHUB}"):
        claims = cognito._decode_id_token_unverified(token)
        keys |= {f"{_GITHUB}:{name}": claims[name] for name in _CLAIMS if name in claims}
    return principal, keys
