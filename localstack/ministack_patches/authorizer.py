"""Who a REST API lets in, and what it says when its function fails."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1

from localstack.sidecars.issuer_pool import ISSUER_POOL


def take_id_tokens_only() -> None:
    """Refuse a token of another use than `id` where a method asks for no scopes.

    Source: API Gateway Developer Guide, "Control access to REST APIs using Amazon Cognito user pools as an
    authorizer": without OAuth scopes the token is treated as an identity token.
    """
    validate = apigateway_v1._validate_cognito_authorizer

    async def id_tokens_only(authorizer: dict[str, Any], method: dict[str, Any], *request: Any) -> Any:
        claims, error = await validate(authorizer, method, *request)
        if claims and not method.get("authorizationScopes") and claims.get("token_use") != "id":
            return None, apigateway_v1._gw_error("UNAUTHORIZED", "Unauthorized")
        return claims, error

    apigateway_v1._validate_cognito_authorizer = id_tokens_only


def tell_nothing_of_a_failed_function() -> None:
    """Answer 502 `Internal server error` when a function raises or answers with no response, and nothing else.

    Source: API Gateway Developer Guide, "Handle Lambda errors in API Gateway".
    """
    respond = apigateway_v1._lambda_proxy_response

    def response(result: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        found, error = respond(result)
        if error or (not result.get("throttle") and not _is_response(result.get("body"))):
            return None, "Internal server error"
        return found, None

    apigateway_v1._lambda_proxy_response = response


def _is_response(body: object) -> bool:
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except ValueError:
            return False
    return isinstance(body, dict) and "statusCode" in body


def trust_the_issuer(url: str) -> None:
    """Verify tokens of the issuer's pool with the keys that the issuer serves, as they would be with Cognito's.

    Args:
        url: of the issuer.
    """
    resolve = apigateway_v1._resolve_jwks_url

    async def keys_url(authorizer: dict[str, Any]) -> str | None:
        pool = str(authorizer["jwtConfiguration"]["issuer"]).rpartition("/")[2]
        if pool == ISSUER_POOL:
            return f"{url}/{pool}/.well-known/jwks.json"
        found: str | None = await resolve(authorizer)
        return found

    apigateway_v1._resolve_jwks_url = keys_url
