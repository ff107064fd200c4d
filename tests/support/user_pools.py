"""User pools with a signed-in user."""

from typing import Any, NamedTuple

from localstack import seed


class SignedIn(NamedTuple):
    """A user pool and the tokens of its user.

    Args:
        pool_arn: ARN of the pool.
        tokens: The user's IdToken, AccessToken and RefreshToken.
    """

    pool_arn: str
    tokens: dict[str, str]


def sign_in_new_user(client: Any) -> SignedIn:
    """Create a pool as Terraform does, in the account and region of a Cognito client, and sign a new user in."""
    schema = [{"Name": "tenantId", "AttributeDataType": "String"}]
    pool = client.create_user_pool(PoolName="users", Schema=schema)["UserPool"]
    app = client.create_user_pool_client(
        UserPoolId=pool["Id"],
        ClientName="portal",
        ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]
    seed.add_user(client, pool["Id"], "a@example.com", seed.PASSWORD, "tenant-1")
    tokens = seed.sign_in(client, pool["Id"], app["ClientId"], "a@example.com", seed.PASSWORD)
    return SignedIn(pool["Arn"], tokens)
