"""STS: evaluates trust policies with GitHub's own claims, as AWS does; MiniStack knows `aud`, `sub` and `amr` only.

Source: IAM User Guide, "Available keys for AWS OIDC federation".
"""

from typing import Any

from ministack.services import cognito, sts

_GITHUB = "token.actions.githubusercontent.com"
_CLAIMS = ("actor", "actor_id", "environment", "job_workflow_ref", "ref", "repository", "repository_id", "workflow")


def give_github_claims() -> None:
    """Evaluate trust policies with GitHub's own claims."""
    original = sts._web_identity_principal

    def principal(token: str, provider_id: str, role_arn: str) -> tuple[str, dict[str, Any]]:
        provider, keys = original(token, provider_id, role_arn)
        if provider.endswith(f"oidc-provider/{_GITHUB}"):
            claims = cognito._decode_id_token_unverified(token)
            keys |= {f"{_GITHUB}:{name}": claims[name] for name in _CLAIMS if name in claims}
        return provider, keys

    sts._web_identity_principal = principal
