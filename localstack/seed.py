"""Tenants and users of the local user pool, from fixtures/users.json, and their tokens."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from pycognito.aws_srp import AWSSRP

from localstack.aws import Aws
from localstack.sidecars.cart_stub import FIXTURES
from localstack.sidecars.issuer import Issuer
from localstack.stack import Stack, StackError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AttributeTypeTypeDef

# Of an emulated pool on this machine; no user of it exists anywhere else.
PASSWORD = "Local-Passw0rd!"  # noqa: S105  # nosec B105  # pragma: allowlist secret


def users() -> list[dict[str, str]]:
    """The users of the fixtures: email, tenantId, and group if any."""
    found: list[dict[str, str]] = json.loads((FIXTURES / "users.json").read_text())
    return found


def add_user(
    client: CognitoIdentityProviderClient,
    pool_id: str,
    email: str,
    password: str,
    tenant_id: str | None,
    group: str | None = None,
) -> None:
    """Add a user to a pool, or leave it as it is if it is there."""
    attributes: list[AttributeTypeTypeDef] = [
        {"Name": "email", "Value": email},
        {"Name": "email_verified", "Value": "true"},
    ]
    if tenant_id:
        attributes.append({"Name": "custom:tenantId", "Value": tenant_id})
    with suppress(client.exceptions.UsernameExistsException):
        client.admin_create_user(
            UserPoolId=pool_id, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
    client.admin_set_user_password(UserPoolId=pool_id, Username=email, Password=password, Permanent=True)
    if group:
        client.admin_add_user_to_group(UserPoolId=pool_id, Username=email, GroupName=group)


def sign_in(
    client: CognitoIdentityProviderClient, pool_id: str, client_id: str, email: str, password: str
) -> dict[str, str]:
    """Sign a user in as the portal does, by SRP, and return the tokens: IdToken, AccessToken, RefreshToken."""
    login = AWSSRP(username=email, password=password, pool_id=pool_id, client_id=client_id, client=client)
    tokens: dict[str, str] = login.authenticate_user()["AuthenticationResult"]
    return tokens


def seed(stack: Stack) -> None:
    """Add the fixtures' users; safe to repeat. An issuer of tokens knows no users, and so needs none."""
    if stack.issuer_url:
        return
    client = Aws(stack.endpoint).cognito
    for user in users():
        add_user(client, stack.outputs["user_pool_id"], user["email"], PASSWORD, user["tenantId"], user.get("group"))


def token(stack: Stack, email: str) -> str:
    """The ID token of a seeded user.

    Raises:
        StackError: there is no such user.
    """
    known = {user["email"]: user for user in users()}
    if email not in known:
        raise StackError(f"there is no user {email}; these are seeded: {', '.join(known)}")
    if stack.issuer_url:
        user = known[email]
        return Issuer(stack.issuer_url).sign_in(email, user["tenantId"], user.get("group"))["IdToken"]
    outputs = stack.outputs
    return sign_in(
        Aws(stack.endpoint).cognito, outputs["user_pool_id"], outputs["user_pool_client_id"], email, PASSWORD
    )["IdToken"]
