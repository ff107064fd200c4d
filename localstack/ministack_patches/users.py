"""What users of a pool may do for themselves."""

from __future__ import annotations

import base64
import inspect
import json
import secrets
from types import SimpleNamespace
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cognito


def _client_of(access_token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The pool and the app client of an access token."""
    payload = access_token.split(".")[1]
    client_id = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("client_id")
    return _pool_of(client_id)


def _pool_of(client_id: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    for pool in cognito._user_pools.values():
        if client_id in pool["_clients"]:
            return pool, pool["_clients"][client_id]
    return None


def sign_in_with_short_secrets() -> None:
    """Take a secret of 256 bits for the server's side of a sign-in, and not one as long as the group: 0.12 s less.

    Source: RFC 5054, section 3.1: a and b should be at least 256-bit random numbers.
    """
    if "secrets.randbelow(_SRP_N" not in inspect.getsource(cognito._srp_challenge):
        raise RuntimeError("MiniStack takes its secret otherwise than this lesson knows: look at _srp_challenge")
    cognito.secrets = SimpleNamespace(**vars(secrets))
    cognito.secrets.randbelow = lambda below: secrets.randbelow(min(below, 1 << 256))


def write_what_the_client_may() -> None:
    """Refuse a user's change of an attribute that the app client may not write.

    Source: Cognito Developer Guide, "Working with user attributes", attribute permissions and scopes.
    """
    update = cognito._update_user_attributes

    def update_attributes(data: dict[str, Any]) -> Any:
        user, _ = cognito._user_pool_for_access_token(data.get("AccessToken", ""))
        found = _client_of(data["AccessToken"]) if user else None
        writable = found[1].get("WriteAttributes") if found else None
        if writable and {attribute["Name"] for attribute in data.get("UserAttributes", [])} - set(writable):
            message = "A client attempted to write unauthorized attribute"
            return error_response_json("NotAuthorizedException", message, 400)
        return update(data)

    cognito._update_user_attributes = update_attributes


def sign_up_where_the_pool_lets() -> None:
    """Refuse SignUp where only an administrator makes users.

    Source: Cognito API Reference, AdminCreateUserConfigType.
    """
    sign_up = cognito._sign_up

    def sign_up_if_allowed(data: dict[str, Any]) -> Any:
        found = _pool_of(data.get("ClientId", ""))
        if found and (found[0].get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
            message = "SignUp is not permitted for this user pool"
            return error_response_json("NotAuthorizedException", message, 400)
        return sign_up(data)

    cognito._sign_up = sign_up_if_allowed
