"""Cognito: what users may do themselves, and how they sign in."""

import inspect
import secrets
from types import SimpleNamespace
from typing import Any

from ministack.core import responses
from ministack.core.responses import error_response_json
from ministack.services import cognito

from localstack.ministack_patches.patching import Function, changes, replaces


@changes
def sign_in_with_short_secrets() -> None:
    """Use a secret of 256 bits for the server's side of SRP; MiniStack's is as long as the group, which takes 0.12 s.

    Source: RFC 5054, section 3.1: a and b should be at least 256-bit random numbers.
    """
    if "secrets.randbelow(_SRP_N" not in inspect.getsource(cognito._srp_challenge):
        raise RuntimeError("MiniStack's _srp_challenge chooses its secret differently: adapt this patch")
    cognito.secrets = SimpleNamespace(**vars(secrets))
    cognito.secrets.randbelow = lambda below: secrets.randbelow(min(below, 1 << 256))


@replaces(cognito, "_pin_unsigned_idp_scope")
def find_pool_in_any_account(pin: Function, data: dict[str, Any]) -> None:
    """Find the account of an unsigned request by its app client or pool; MiniStack takes the default account.

    Source: Amazon Cognito API Reference, InitiateAuth: no credentials are needed to call it.
    """
    for (account, _, pool_id), pool in list(cognito._user_pools._data.items()):
        if data.get("UserPoolId") == pool_id or data.get("ClientId") in pool["_clients"]:
            responses.set_request_account_id(account)
    pin(data)


@replaces(cognito, "_update_user_attributes")
def refuse_read_only_attributes(update: Function, data: dict[str, Any]) -> Any:
    """Refuse a user's change of an attribute that the app client may not write; MiniStack allows it.

    Source: Cognito Developer Guide, "Working with user attributes", attribute permissions and scopes.
    """
    user, _ = cognito._user_pool_for_access_token(data.get("AccessToken", ""))
    claims = cognito._decode_id_token_unverified(data["AccessToken"]) if user else {}
    found = _pool_and_client(claims.get("client_id"))
    writable = found[1].get("WriteAttributes") if found else None
    if writable and {attribute["Name"] for attribute in data.get("UserAttributes", [])} - set(writable):
        message = "A client attempted to write unauthorized attribute"
        return error_response_json("NotAuthorizedException", message, 400)
    return update(data)


@replaces(cognito, "_sign_up")
def refuse_sign_up(sign_up: Function, data: dict[str, Any]) -> Any:
    """Refuse SignUp where only an administrator creates users; MiniStack allows it.

    Source: Cognito API Reference, AdminCreateUserConfigType.
    """
    found = _pool_and_client(data.get("ClientId", ""))
    if found and (found[0].get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
        return error_response_json("NotAuthorizedException", "SignUp is not permitted for this user pool", 400)
    return sign_up(data)


def _pool_and_client(client_id: str | None) -> tuple[dict[str, Any], dict[str, Any]] | None:
    for pool in cognito._user_pools.values():
        if client_id in pool["_clients"]:
            return pool, pool["_clients"][client_id]
    return None
