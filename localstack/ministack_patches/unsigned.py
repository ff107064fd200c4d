"""Requests that are not signed, and so name no account: sign-ins and calls of an API."""

from __future__ import annotations

from typing import Any

from ministack.core import responses, tls
from ministack.services import apigateway_v1, cognito


def sign_in_to_any_account() -> None:
    """Find the account of a request such as InitiateAuth by the id of its app client or pool.

    Source: Amazon Cognito API Reference, InitiateAuth: no credentials are needed to call it.
    """
    pin = cognito._pin_unsigned_idp_scope

    def pin_scope(data: dict[str, Any]) -> None:
        for (account, _, pool_id), pool in list(cognito._user_pools._data.items()):
            if data.get("UserPoolId") == pool_id or data.get("ClientId") in pool["_clients"]:
                responses.set_request_account_id(account)
        pin(data)

    cognito._pin_unsigned_idp_scope = pin_scope


def call_apis_of_any_account() -> None:
    """Find the account and region of a call by the id of its API.

    Source: API Gateway Developer Guide, "Invoke REST APIs": the URL of an API names no account.
    """

    def scope(api_id: str) -> tuple[str, str] | None:
        owners = (key[:2] for key, _ in apigateway_v1._rest_apis.all_items() if key[2] == api_id)
        return next(owners, None)

    apigateway_v1.find_api_scope = scope


def fetch_keys_over_tls() -> None:
    """Fetch the keys that verify a user's token over TLS, where the engine speaks nothing else."""
    resolve = apigateway_v1._resolve_jwks_url

    async def url(authorizer: dict[str, Any]) -> str | None:
        found: str | None = await resolve(authorizer)
        return found.replace("http://", "https://", 1) if found and tls.use_ssl_enabled() else found

    apigateway_v1._resolve_jwks_url = url
