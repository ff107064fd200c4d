"""What others know of the issuer, which needs libraries that take time to import: its pool, and how to get tokens."""

from typing import Final

import requests

from localstack.stack import REGION

# The user pool that the issuer stands for; terraform/locals.tf has its name too.
ISSUER_POOL: Final = f"{REGION}_issuer"
CLIENT_ID: Final = "issuer"
_VALID_SECONDS = 3_600
_HTTP_SECONDS = 10


class Issuer:
    """Client of a running issuer at a URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def sign_in(
        self,
        email: str,
        tenant_id: str | None = None,
        group: str | None = None,
        pool: str = ISSUER_POOL,
        seconds: int = _VALID_SECONDS,
    ) -> dict[str, str]:
        """Request IdToken, AccessToken and RefreshToken for a user."""
        user = {"email": email, "tenant_id": tenant_id, "group": group, "pool": pool, "seconds": seconds}
        response = requests.post(f"{self.url}/tokens", json=user, timeout=_HTTP_SECONDS)
        response.raise_for_status()
        tokens: dict[str, str] = response.json()
        return tokens
