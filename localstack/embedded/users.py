"""Users of every account."""

from __future__ import annotations

from typing import Any

from ministack.core import responses
from ministack.services import cognito


def sign_in_to_any_account() -> None:
    """Find the account of a request that is not signed, such as InitiateAuth, by the id of its app client or pool.

    Source: Amazon Cognito API Reference, InitiateAuth: no credentials are needed to call it.
    """
    pin = cognito._pin_unsigned_idp_scope

    def pin_scope(data: dict[str, Any]) -> None:
        for (account, _, pool_id), pool in list(cognito._user_pools._data.items()):
            if data.get("UserPoolId") == pool_id or data.get("ClientId") in pool["_clients"]:
                responses.set_request_account_id(account)
        pin(data)

    cognito._pin_unsigned_idp_scope = pin_scope
