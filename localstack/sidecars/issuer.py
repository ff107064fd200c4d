"""Tokens for an engine without Cognito: the claims that Cognito gives, signed with a key of this stack alone.

`python -m localstack.sidecars.issuer` serves. It gives a token to whoever asks, so it listens on this machine only, and
Terraform takes its tokens in environment local and in no other.
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
    """The key in a file; it is made when it is not there, and kept, since engines remember the public half."""
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{file} holds no RSA key: remove it, and it is made anew")
    return key


class TokenIssuer(ThreadingHTTPServer):
    """Gives tokens, and the public key that they are verified with.

    Args:
        port: on 127.0.0.1.
        key_file: of the private key, in PEM.
    """

    daemon_threads = True

    def __init__(self, port: int, key_file: Path) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._key = _key(key_file)

    def keys(self) -> dict[str, Any]:
        """The JWKS."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": _KEY_ID, "alg": "RS256", "use": "sig"}]}

    def tokens(self, user: dict[str, Any]) -> dict[str, str]:
        """The tokens of a user, as Cognito makes them: IdToken, AccessToken, RefreshToken.

        Args:
            user: email; tenantId, group, pool and seconds of validity if they are not the usual.
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
            # A kind of token, not one.
            "token_use": "id",  # nosec B105
            "aud": CLIENT_ID,
            "email": user["email"],
            "email_verified": True,
            "cognito:username": subject,
            **({"custom:tenantId": user["tenantId"]} if user.get("tenantId") else {}),
        }
        access = {
            **shared,
            # A kind of token, not one.
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
        # Every pool has the same key: that a token is of another pool, its issuer says.
        if self.path.endswith("/.well-known/jwks.json"):
            self.answer(200, self.server.keys())
        else:
            self.answer(404, {"title": "Not Found", "status": 404})

    def do_POST(self) -> None:
        self.answer(200, self.server.tokens(self.body()))


class Issuer:
    """An issuer that runs.

    Args:
        url: of it.
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
        """The tokens of a user: IdToken, AccessToken, RefreshToken."""
        user = {"email": email, "tenantId": tenant_id, "group": group, "pool": pool, "seconds": seconds}
        answer = requests.post(f"{self.url}/tokens", json=user, timeout=_HTTP_SECONDS)
        answer.raise_for_status()
        tokens: dict[str, str] = answer.json()
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
