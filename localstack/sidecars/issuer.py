"""Issues tokens for an engine without Cognito: `python -m localstack.sidecars.issuer PORT KEY_FILE`.

They have Cognito's claims and are signed with a key of this stack. Every caller gets a token, so the issuer listens on
127.0.0.1 only, and Terraform accepts its tokens only in environment local.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid4, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from localstack.sidecars.issuer_client import CLIENT_ID
from localstack.sidecars.json_server import JsonServer
from localstack.stack import REGION

_KEY_ID = "issuer-1"


class TokenIssuer(JsonServer):
    """Issues tokens, and publishes the key that verifies them."""

    def __init__(self, port: int, key_file: Path) -> None:
        super().__init__(port)
        # Engines cache its public half, so it must not change.
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True)
            key_file.touch(mode=0o600)
            key_file.write_text(RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
        self._key = cast("rsa.RSAPrivateKey", RSAAlgorithm.from_jwk(key_file.read_text()))

    def response(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        """Serve the keys, which are the same for all pools, and tokens."""
        if method == "POST":
            return 200, self._tokens(**body)
        found = path[-2:] == [".well-known", "jwks.json"]
        return (200, self.keys()) if found else (404, {"title": "Not Found", "status": 404})

    def keys(self) -> dict[str, Any]:
        """Return the JWKS."""
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": _KEY_ID, "alg": "RS256", "use": "sig"}]}

    def _tokens(self, email: str, tenant_id: str | None, group: str | None, pool: str, seconds: int) -> dict[str, str]:
        now = int(time.time())
        subject = str(uuid5(NAMESPACE_URL, f"mailto:{email}"))
        shared: dict[str, Any] = {
            "sub": subject,
            "iss": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}",
            "auth_time": now,
            "iat": now,
            "exp": now + seconds,
        }
        if group:
            shared["cognito:groups"] = [group]
        identity = {"aud": CLIENT_ID, "email": email, "email_verified": True, "cognito:username": subject}
        if tenant_id:
            identity["custom:tenantId"] = tenant_id
        access = {"client_id": CLIENT_ID, "scope": "aws.cognito.signin.user.admin"}
        return {
            "IdToken": self._signed("id", shared | identity),
            "AccessToken": self._signed("access", shared | access),
            "RefreshToken": uuid4().hex,
        }

    def _signed(self, use: str, claims: dict[str, Any]) -> str:
        claims = {**claims, "token_use": use, "jti": str(uuid4())}
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": _KEY_ID})


if __name__ == "__main__":
    TokenIssuer(int(sys.argv[1]), Path(sys.argv[2])).serve_forever()
