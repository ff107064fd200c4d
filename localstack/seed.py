"""Users of the local user pool, from fixtures/users.json, and their tokens."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from localstack.aws import Aws
from localstack.sidecars.issuer_client import Issuer
from localstack.stack import Stack, StackError
from tooling.paths import FIXTURES

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

# Password in an emulated pool on this machine; its users exist nowhere else.
PASSWORD = "Local-Passw0rd!"  # noqa: S105  # nosec B105  # pragma: allowlist secret


def users() -> list[dict[str, str]]:
    """Users of the fixtures: email, tenantId, and group if they have one."""
    return cast("list[dict[str, str]]", json.loads((FIXTURES / "users.json").read_text()))


def add_user(
    client: CognitoIdentityProviderClient,
    pool_id: str,
    email: str,
    password: str,
    tenant_id: str | None,
    group: str | None = None,
) -> None:
    """Add a user to a pool; one that exists keeps its attributes."""
    values = {"email": email, "email_verified": "true", **({"custom:tenantId": tenant_id} if tenant_id else {})}
    with suppress(client.exceptions.UsernameExistsException):
        client.admin_create_user(
            UserPoolId=pool_id,
            Username=email,
            UserAttributes=[{"Name": name, "Value": value} for name, value in values.items()],
            MessageAction="SUPPRESS",
        )
    client.admin_set_user_password(UserPoolId=pool_id, Username=email, Password=password, Permanent=True)
    if group:
        client.admin_add_user_to_group(UserPoolId=pool_id, Username=email, GroupName=group)


def sign_in(
    client: CognitoIdentityProviderClient, pool_id: str, client_id: str, email: str, password: str
) -> dict[str, str]:
    """Sign a user in by SRP, as the portal does, and return IdToken, AccessToken and RefreshToken."""
    # Imported late: it takes half a second, and few commands sign in.
    from pycognito.aws_srp import AWSSRP

    login = AWSSRP(username=email, password=password, pool_id=pool_id, client_id=client_id, client=client)
    return cast("dict[str, str]", login.authenticate_user()["AuthenticationResult"])


def seed(stack: Stack) -> None:
    """Add the users of the fixtures; safe to repeat, and nothing to do where the issuer replaces Cognito."""
    if stack.issuer_url:
        return
    client = Aws(stack.endpoint).cognito
    for user in users():
        add_user(client, stack.outputs["user_pool_id"], user["email"], PASSWORD, user["tenantId"], user.get("group"))


def token(stack: Stack, email: str) -> str:
    """Return the ID token of a seeded user; StackError if there is no such user."""
    seeded = {user["email"]: user for user in users()}
    if email not in seeded:
        raise StackError(f"there is no user {email}: choose one of {', '.join(seeded)}")
    user = seeded[email]
    if stack.issuer_url:
        return Issuer(stack.issuer_url).sign_in(email, user["tenantId"], user.get("group"))["IdToken"]
    pool_id, client_id = stack.outputs["user_pool_id"], stack.outputs["user_pool_client_id"]
    return sign_in(Aws(stack.endpoint).cognito, pool_id, client_id, email, PASSWORD)["IdToken"]
