"""Forged, expired and foreign tokens are refused by every route."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from e2e.expected import assert_no_order_yet, is_problem
from e2e.tenant import Tenant
from localstack import seed
from localstack.stack import REGION
from tooling.polling import poll

Record = Callable[[str, object], None]


def encoded(content: bytes | dict[str, Any]) -> str:
    """Base64url-encode a segment of a token."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A token signed with a secret; PyJWT refuses to use a public key as one."""
    signed = f"{encoded({**header, 'alg': 'HS256'})}.{encoded(claims)}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def public_key(tenant: Tenant, key_id: str) -> dict[str, Any]:
    """A public key of the pool, as a JWK."""
    platform, pool = tenant.platform, tenant.platform.outputs["user_pool_id"]
    endpoint = platform.issuer.url if platform.issuer else platform.aws.cognito.meta.endpoint_url
    keys = requests.get(f"{endpoint}/{pool}/.well-known/jwks.json", timeout=30).json()["keys"]
    found: dict[str, Any] = next(key for key in keys if key["kid"] == key_id)
    return found


def forgeries(tenant: Tenant, victim: Tenant) -> dict[str, str]:
    """Tokens that claim to be the victim's or an administrator's, forged from a token of another tenant."""
    token = tenant.tokens["IdToken"]
    header, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    head = jwt.get_unverified_header(token)
    stolen = {**claims, "custom:tenantId": victim.id, "cognito:groups": ["admin"]}
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = public_key(tenant, head["kid"])
    pem = jwt.PyJWK(jwk).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own_jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))

    def by_own_key(algorithm: str = "RS256", changes: dict[str, Any] | None = None, **more: Any) -> str:
        return jwt.encode({**stolen, **(changes or {})}, key, algorithm=algorithm, headers={**head, **more})

    unsigned = {
        f"algorithm {name}, {what}": f"{encoded({**head, 'alg': name})}.{encoded(stolen)}.{end}"
        for name in ("none", "None", "NONE", "nOnE")
        for what, end in (("no signature", ""), ("a signature", signature))
    }
    return unsigned | {
        "altered tenant": f"{header}.{encoded({**claims, 'custom:tenantId': victim.id})}.{signature}",
        "altered group": f"{header}.{encoded({**claims, 'cognito:groups': ['admin']})}.{signature}",
        "altered end": f"{header}.{encoded({**claims, 'exp': claims['exp'] + 3600})}.{signature}",
        "no signature": f"{header}.{payload}.",
        "two segments": f"{header}.{payload}",
        "four segments": f"{token}.{signature}",
        "empty segments": "..",
        "another's signature": f"{header}.{payload}.{victim.tokens['IdToken'].rpartition('.')[2]}",
        "cut signature": token[:-8],
        "own key": by_own_key(),
        "own key, its id unknown": by_own_key(kid="mine"),
        "own key, RS512": by_own_key("RS512"),
        "own key, PS256": by_own_key("PS256"),
        "own key in the header": by_own_key(jwk=own_jwk),
        "own key at an address": by_own_key(jku="https://example.com/jwks.json", x5u="https://example.com/x.pem"),
        "own key, critical header": by_own_key(crit=["exp"]),
        "own key, another issuer": by_own_key(changes={"iss": "https://example.com"}),
        "own key, longer issuer": by_own_key(changes={"iss": claims["iss"] + ".example.com"}),
        "secret": hs256(head, stolen, b"secret"),
        "public key as the secret": hs256(head, stolen, pem),
        "public key without its end": hs256(head, stolen, pem.strip()),
        "JWK as the secret": hs256(head, stolen, json.dumps(jwk).encode()),
        "empty secret, key of a file": hs256({**head, "kid": "../../../../dev/null"}, stolen, b""),
        "key of a query": hs256({**head, "kid": "x' UNION SELECT 'secret"}, stolen, b"secret"),
    }


@contextmanager
def foreign_token(tenant: Tenant) -> Iterator[str]:
    """A token of this user and tenant from another pool of the account."""
    if tenant.platform.issuer:
        yield tenant.platform.issuer.sign_in(tenant.email, tenant.id, pool=f"{REGION}_foreign")["IdToken"]
        return
    cognito = tenant.platform.aws.cognito
    pool = cognito.create_user_pool(
        PoolName="foreign",
        Schema=[{"Name": "tenantId", "AttributeDataType": "String", "Mutable": True}],
    )["UserPool"]["Id"]
    try:
        client = cognito.create_user_pool_client(
            UserPoolId=pool, ClientName="foreign", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        )["UserPoolClient"]["ClientId"]
        password = f"Aa1!{secrets.token_urlsafe(24)}"
        seed.add_user(cognito, pool, tenant.email, password, tenant.id)
        yield seed.sign_in(cognito, pool, client, tenant.email, password)["IdToken"]
    finally:
        cognito.delete_user_pool(UserPoolId=pool)


def expired_token(tenant: Tenant) -> str:
    """A token that has just expired."""
    token = _short_token(tenant)
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    poll("the token expired", lambda: time.time() > expires or None, 30)
    return token


def _short_token(tenant: Tenant) -> str:
    """A token that expires after a second."""
    if tenant.platform.issuer:
        return tenant.platform.issuer.sign_in(tenant.email, tenant.id, seconds=1)["IdToken"]
    cognito, pool = tenant.platform.aws.cognito, tenant.platform.outputs["user_pool_id"]
    # The local engine allows less than the five minutes of AWS.
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName=f"short-{tenant.id}",
        IdTokenValidity=1,
        TokenValidityUnits={"IdToken": "seconds"},
        ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    password = f"Aa1!{secrets.token_urlsafe(24)}"
    cognito.admin_set_user_password(UserPoolId=pool, Username=tenant.email, Password=password, Permanent=True)
    token = seed.sign_in(cognito, pool, client, tenant.email, password)["IdToken"]
    cognito.delete_user_pool_client(UserPoolId=pool, ClientId=client)
    return token


def call_every_route(tenant: Tenant, victim: Tenant, order_id: str, token: str) -> list[requests.Response]:
    """The responses of every route to a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return [
        tenant.call("POST", "/v1.0/orders", json=tenant.body(), headers=headers),
        tenant.call("GET", f"/v1.0/orders/{order_id}", headers=headers),
        tenant.call("GET", f"/v1.0/tenants/{victim.id}/orders", headers=headers),
        tenant.call("PUT", f"/v1.0/orders/{order_id}", json={"status": "CANCELLED"}, headers=headers),
    ]


def assert_refused(tenant: Tenant, victim: Tenant, tokens: dict[str, str]) -> int:
    """Check that every route refuses each token with 401 and changes nothing; returns the number of requests."""
    order_id = victim.ordered()["id"]
    wrong, requests_sent = {}, 0
    for name, token in tokens.items():
        responses = call_every_route(tenant, victim, order_id, token)
        requests_sent += len(responses)
        if not all(is_problem(response, 401) for response in responses):
            wrong[name] = [f"{response.status_code} {response.text}" for response in responses]
    assert wrong == {}
    assert_no_order_yet(tenant)
    assert victim.get(order_id).json()["status"] == "PENDING_PAYMENT"
    return requests_sent


def test_forged_token_is_refused(make_tenant: Callable[..., Tenant], record_property: Record) -> None:
    """A forged or altered token is refused by every route."""
    tenant, victim = make_tenant(), make_tenant()
    tokens = forgeries(tenant, victim)
    sent = assert_refused(tenant, victim, tokens)
    record_property("forged tokens", f"{len(tokens)} tokens in {sent} requests, 0 accepted")


@pytest.mark.sidecars
def test_foreign_or_expired_token_is_refused(make_tenant: Callable[..., Tenant], record_property: Record) -> None:
    """A token of another user pool and an expired token are refused by every route."""
    tenant, victim = make_tenant(), make_tenant()
    with foreign_token(victim) as foreign:
        tokens = {"another pool": foreign, "expired": expired_token(tenant)}
        header, _, signature = tokens["expired"].split(".")
        claims = jwt.decode(tokens["expired"], options={"verify_signature": False})
        tokens["expired, its end altered"] = f"{header}.{encoded({**claims, 'exp': claims['exp'] + 3600})}.{signature}"
        sent = assert_refused(tenant, victim, tokens)
    record_property("foreign and expired tokens", f"{len(tokens)} tokens in {sent} requests, 0 accepted")


@pytest.mark.parametrize("kind", ["AccessToken", "RefreshToken"])
def test_token_of_another_kind_is_refused(make_tenant: Callable[..., Tenant], kind: str) -> None:
    """An access token and a refresh token are refused: the API takes ID tokens only."""
    tenant, victim = make_tenant(), make_tenant()
    order_id = victim.ordered()["id"]
    for response in call_every_route(tenant, victim, order_id, tenant.tokens[kind]):
        # 401 from an API Gateway that checks the kind of a token, 403 from the service behind one that does not.
        assert is_problem(response, 401) or is_problem(response, 403)
    assert_no_order_yet(tenant)
