"""Users and their tokens."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
import requests

from localstack import seed
from tests.conformance.engines import Clients, Engine
from tests.conformance.resources import Resources, code_of, unique

pytestmark = pytest.mark.needs("Cognito")

# Password of a user that exists only during a test.
PASSWORD = "Conformance-Passw0rd!"  # pragma: allowlist secret


@pytest.fixture
def user(aws: Clients, make: Resources) -> tuple[str, str, str]:
    """A user pool, its client and a user who is an admin of tenant-a."""
    pool, client = make.pool()
    email = f"{unique()}@example.com"
    seed.add_user(aws("cognito-idp"), pool, email, PASSWORD, "tenant-a", "admin")
    return pool, client, email


def tokens(aws: Clients, user: tuple[str, str, str]) -> dict[str, str]:
    """The tokens of a user."""
    return seed.sign_in(aws("cognito-idp"), *user, PASSWORD)


def claims(token: str) -> dict[str, Any]:
    """The claims of a token."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_id_token_has_the_users_claims(engine: Engine, aws: Clients, user: tuple[str, str, str]) -> None:
    """An ID token names its pool, client, use, user, tenant and groups, and is valid for the client's 60 minutes.

    Source: Cognito Developer Guide, "Understanding the identity (ID) token"
    <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html>
    """
    pool, client, email = user
    found = claims(tokens(aws, user)["IdToken"])
    assert found["iss"] == f"https://cognito-idp.{engine.region}.amazonaws.com/{pool}"
    assert (found["aud"], found["token_use"], found["email"]) == (client, "id", email)
    assert (found["custom:tenantId"], found["cognito:groups"]) == ("tenant-a", ["admin"])
    assert found["exp"] - found["iat"] == 3600
    assert found["sub"]


def test_access_token_has_no_tenant(aws: Clients, user: tuple[str, str, str]) -> None:
    """An access token has its use and client_id, but neither aud nor the user's attributes.

    Source: Cognito Developer Guide, "Understanding the access token"
    <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>
    """
    found = claims(tokens(aws, user)["AccessToken"])
    assert (found["token_use"], found["client_id"]) == ("access", user[1])
    assert not {"aud", "email", "custom:tenantId"} & set(found)


def test_tokens_are_signed_with_a_published_key(engine: Engine, aws: Clients, user: tuple[str, str, str]) -> None:
    """Tokens are signed with RS256 by a key of the pool's JWKS.

    Source: Cognito Developer Guide, "Verifying JSON Web Tokens"
    <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>
    """
    token = tokens(aws, user)["IdToken"]
    header = jwt.get_unverified_header(token)
    keys = requests.get(engine.keys_url(user[0]), timeout=30).json()["keys"]
    (key,) = [jwt.PyJWK(key) for key in keys if key["kid"] == header["kid"]]
    assert header["alg"] == "RS256"
    assert jwt.decode(token, key, ["RS256"], audience=user[1], options={"verify_iat": False})


def test_unknown_user_looks_like_a_wrong_password(aws: Clients, user: tuple[str, str, str]) -> None:
    """A wrong password and an unknown user are both refused with NotAuthorizedException.

    Source: Cognito Developer Guide, "Managing user existence error responses"
    <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html>
    """
    cognito, (pool, client, email) = aws("cognito-idp"), user
    for address, password in ((email, "Wrong-Passw0rd!"), (f"{unique()}@example.com", PASSWORD)):
        code = code_of(lambda a=address, p=password: seed.sign_in(cognito, pool, client, a, p))  # type: ignore[misc]
        assert code == "NotAuthorizedException"


def test_user_cannot_change_the_tenant(aws: Clients, user: tuple[str, str, str]) -> None:
    """A user cannot write an attribute that the client may not write, such as the tenant: NotAuthorizedException.

    Source: Cognito Developer Guide, "Working with user attributes", attribute permissions and scopes
    <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html>
    """
    access = tokens(aws, user)["AccessToken"]
    change = [{"Name": "custom:tenantId", "Value": "tenant-b"}]
    code = code_of(lambda: aws("cognito-idp").update_user_attributes(AccessToken=access, UserAttributes=change))
    assert code == "NotAuthorizedException"
    assert claims(tokens(aws, user)["IdToken"])["custom:tenantId"] == "tenant-a"


def test_sign_up_is_refused(aws: Clients, user: tuple[str, str, str]) -> None:
    """SignUp is refused with NotAuthorizedException where only an administrator creates users.

    Source: Cognito API Reference, "AdminCreateUserConfigType"
    <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUserConfigType.html>
    """
    signing_up = {"ClientId": user[1], "Username": f"{unique()}@example.com", "Password": PASSWORD}
    assert code_of(lambda: aws("cognito-idp").sign_up(**signing_up)) == "NotAuthorizedException"


def test_weak_password_is_refused(aws: Clients, user: tuple[str, str, str]) -> None:
    """A password that the pool's policy does not allow is refused with InvalidPasswordException.

    Source: Cognito API Reference, "AdminSetUserPassword", errors
    <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminSetUserPassword.html>
    """
    weak = {"UserPoolId": user[0], "Username": user[2], "Password": "only-small-letters", "Permanent": True}
    assert code_of(lambda: aws("cognito-idp").admin_set_user_password(**weak)) == "InvalidPasswordException"


def test_other_auth_flow_is_refused(aws: Clients, user: tuple[str, str, str]) -> None:
    """A plain-text password is refused with InvalidParameterException where the client allows SRP only.

    Source: Cognito API Reference, "InitiateAuth"
    <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html>
    """
    parameters = {"USERNAME": user[2], "PASSWORD": PASSWORD}
    code = code_of(
        lambda: aws("cognito-idp").initiate_auth(
            ClientId=user[1], AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
        )
    )
    assert code == "InvalidParameterException"
