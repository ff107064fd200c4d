"""Tenants and users of the local user pool, from fixtures/users.json, and their tokens."""

import json
from contextlib import suppress

from localstack.aws import Aws
from localstack.cart_stub import FIXTURES
from localstack.stack import Stack, StackError

# Of an emulated pool on this machine; no user of it exists anywhere else.
PASSWORD = "Local-Passw0rd!"  # noqa: S105


def users() -> list[dict[str, str]]:
    """The users of the fixtures: email, tenantId, and group if any."""
    found: list[dict[str, str]] = json.loads((FIXTURES / "users.json").read_text())
    return found


def add_user(stack: Stack, email: str, tenant_id: str | None, group: str | None = None) -> None:
    """Add a user to the pool, or leave it as it is if it is there."""
    client, pool = Aws(stack).cognito, stack.outputs["user_pool_id"]
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    if tenant_id:
        attributes.append({"Name": "custom:tenantId", "Value": tenant_id})
    with suppress(client.exceptions.UsernameExistsException):
        client.admin_create_user(
            UserPoolId=pool,
            Username=email,
            UserAttributes=attributes,  # type: ignore[arg-type]
            MessageAction="SUPPRESS",
        )
    client.admin_set_user_password(UserPoolId=pool, Username=email, Password=PASSWORD, Permanent=True)
    if group:
        client.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=group)


def seed(stack: Stack) -> int:
    """Add the fixtures' users, and return how many there are; safe to repeat."""
    for user in users():
        add_user(stack, user["email"], user["tenantId"], user.get("group"))
    return len(users())


def token(stack: Stack, email: str) -> str:
    """The ID token of a user.

    Raises:
        StackError: there is no such user.
    """
    client = Aws(stack).cognito
    try:
        answer = client.initiate_auth(
            ClientId=stack.outputs["user_pool_client_id"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
        )
    except (client.exceptions.NotAuthorizedException, client.exceptions.UserNotFoundException) as error:
        known = ", ".join(user["email"] for user in users())
        raise StackError(f"there is no user {email}; these are seeded: {known}") from error
    return answer["AuthenticationResult"]["IdToken"]
