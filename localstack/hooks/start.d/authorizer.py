"""Authorizer for LocalStack without a token, which has none: accepts only ID tokens of the API's user pool.

LocalStack runs this script when it starts. The keys come from the issuer at ISSUER_URL, since that edition has no
Cognito either.
"""

import os
import time
from functools import cache
from typing import Any

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from localstack.services.apigateway.next_gen.execute_api import handlers
from localstack.services.apigateway.next_gen.execute_api.gateway_response import UnauthorizedError

_KEYS_SECONDS = 10
_url = os.environ.get("ISSUER_URL", "")


@cache
def _keys_of(pool: str) -> KeySet:
    response = requests.get(f"{_url}/{pool}/.well-known/jwks.json", timeout=_KEYS_SECONDS)
    response.raise_for_status()
    return KeySet.import_key_set(response.json())


def _claims(text: str, authorizer: dict[str, Any]) -> dict[str, Any]:
    """Verify a token and return its claims; JoseError or ValueError if it is not valid here and now."""
    # Each pool has its keys; the claim `iss` must name the pool whose keys verify the signature.
    claims: dict[str, Any] = {}
    for arn in authorizer["providerARNs"]:
        region, pool = arn.split(":")[3], arn.rpartition("/")[2]
        token = jwt.decode(text, _keys_of(pool), algorithms=["RS256"])
        if token.claims.get("iss") == f"https://cognito-idp.{region}.amazonaws.com/{pool}":
            claims = token.claims
    now = time.time()
    if claims.get("token_use") != "id" or not claims.get("exp", 0) > now >= claims.get("iat", now + 1):
        raise ValueError("the token is for another pool or use, or is not valid at this time")
    return claims


def _text(value: object) -> str:
    """Convert a claim to text, as API Gateway does."""
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def authorize(chain: Any, context: Any, response: Any) -> None:
    """Authorize a request, or raise UnauthorizedError."""
    method = context.resource_method
    if method.get("authorizationType") != "COGNITO_USER_POOLS":
        return
    authorizer = context.deployment.rest_api.authorizers[method["authorizerId"]]
    name = authorizer["identitySource"].rpartition(".")[2]
    token = context.invocation_request["headers"].get(name, "").removeprefix("Bearer ")
    try:
        claims = _claims(token, authorizer)
    except (JoseError, ValueError):
        raise UnauthorizedError("Unauthorized") from None
    context.context_variables["authorizer"] = {"claims": {name: _text(value) for name, value in claims.items()}}


# With a LocalStack token there is Cognito, and its own authorizer.
if not os.environ.get("LOCALSTACK_AUTH_TOKEN"):
    handlers.preprocess_request.append(authorize)
