"""Issues tokens for an engine without Cognito; `python -m localstack.sidecars.issuer`.

They have Cognito's claims and are signed with a key of this stack. Every caller gets a token, so the issuer listens on
127.0.0.1 only, and Terraform accepts its tokens only in environment local.
"""

import argparse
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid4, uuid5

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from localstack.sidecars.json_handler import JsonHandler
from localstack.stack import REGION

# The user pool that the issuer stands for; terraform/locals.tf has its name too.
ISSUER_POOL: Final = f"{REGION}_issuer"
CLIENT_ID: Final = "issuer"
_KEY_ID = "issuer-1"
_VALID_SECONDS = 3_600
_HTTP_SECONDS = 10


def _key(file: Path) -> rsa.RSAPrivateKey:
    """Load the key from a file, or create it; engines cache its public half, so it must not change."""
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{file} has no RSA key: remove the file, and `make up` creates another")
    return key


class TokenIssuer(ThreadingHTTPServer):
    """Issues tokens, and publishes the key that verifies them.

    Args:
        port: Port on 127.0.0.1.
        key_file: PEM file of the private key.
    """

    daemon_threads = True

    def __init__(self, port: int, key_file: Path) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._key = _key(key_file)

    def keys(self) -> dict[str, Any]:
        """Return the JWKS."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": _KEY_ID, "alg": "RS256", "use": "sig"}]}

    def tokens(self, user: dict[str, Any]) -> dict[str, str]:
        """Issue IdToken, AccessToken and RefreshToken for a user, as Cognito does.

        Args:
            user: email, and optionally tenantId, group, pool, and seconds of validity.
        """
        now = int(time.time())
        subject = str(uuid5(NAMESPACE_URL, f"mailto:{user['email']}"))
        shared = {
            "sub": subject,
            "iss": f"https://cognito-idp.{REGION}.amazonaws.com/{user.get('pool') or ISSUER_POOL}",
            "auth_time": now,
            "iat": now,
            "exp": now + int(user.get("seconds") or _VALID_SECONDS),
            **({"cognito:groups": [user["group"]]} if user.get("group") else {}),
        }
        identity = {
            **shared,
            # The use of a token, not a token.
            "token_use": "id",  # nosec B105
            "aud": CLIENT_ID,
            "email": user["email"],
            "email_verified": True,
            "cognito:username": subject,
            **({"custom:tenantId": user["tenantId"]} if user.get("tenantId") else {}),
        }
        access = {
            **shared,
            # The use of a token, not a token.
            "token_use": "access",  # nosec B105
            "client_id": CLIENT_ID,
            "scope": "aws.cognito.signin.user.admin",
        }
        return {
            "IdToken": self._signed(identity),
            "AccessToken": self._signed(access),
            "RefreshToken": uuid4().hex,
        }

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({**claims, "jti": str(uuid4())}, self._key, algorithm="RS256", headers={"kid": _KEY_ID})


class _Handler(JsonHandler, BaseHTTPRequestHandler):
    server: TokenIssuer

    def do_GET(self) -> None:
        # All pools share the key; the claim `iss` tells them apart.
        if self.path.endswith("/.well-known/jwks.json"):
            self.respond(200, self.server.keys())
        else:
            self.respond(404, {"title": "Not Found", "status": 404})

    def do_POST(self) -> None:
        self.respond(200, self.server.tokens(self.body()))


class Issuer:
    """Client of a running issuer.

    Args:
        url: URL of the issuer.
    """

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
        user = {"email": email, "tenantId": tenant_id, "group": group, "pool": pool, "seconds": seconds}
        response = requests.post(f"{self.url}/tokens", json=user, timeout=_HTTP_SECONDS)
        response.raise_for_status()
        tokens: dict[str, str] = response.json()
        return tokens


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    arguments = parser.parse_args()
    TokenIssuer(arguments.port, arguments.key_file).serve_forever()


if __name__ == "__main__":
    main()
