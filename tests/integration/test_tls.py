"""A stack with TLS: its certificates, and tokens of its users."""

import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from labs.rehearsal.accounts import Accounts
from localstack import processes
from localstack.stack import Stack, StackError
from localstack.up import start_cart_stub
from tests.support.secure_engine import secure_engine
from tests.support.user_pools import sign_in_new_user


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An engine and a Cart service."""
    with secure_engine(tmp_path_factory.mktemp("secure")) as stack:
        try:
            start_cart_stub(stack)
            yield stack
        finally:
            processes.stop(stack.running.get("cart_stub"))


def bundle(stack: Stack) -> str:
    """Path of the trusted authorities."""
    assert stack.certificates
    return stack.certificates.bundle


def test_certificates_are_trusted_with_authority(secure: Stack) -> None:
    """Engine and cart stub are trusted only with the stack's authority."""
    for url in (f"{secure.endpoint}/_ministack/health", f"{secure.cart_url}/health"):
        assert url.startswith("https://")
        assert requests.get(url, timeout=10, verify=bundle(secure)).ok
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=10)


def test_engine_with_certificates_offers_http_2(secure: Stack) -> None:
    """Terraform's provider gets HTTP/2: over many connections of HTTP/1.1 it repeats creations on a busy machine."""
    context = ssl.create_default_context(cafile=bundle(secure))
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, port = "127.0.0.1", urlsplit(secure.endpoint).port
    with (
        socket.create_connection((host, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        assert encrypted.selected_alpn_protocol() == "h2"


def test_token_is_verified_over_tls(secure: Stack) -> None:
    """An API accepts a user's token and refuses a forged one."""
    accounts = Accounts(secure)
    root = accounts.root("dev")
    users, api = (accounts.client(service, root) for service in ("cognito-idp", "apigateway"))
    user = sign_in_new_user(users)
    url = _guarded_api(api, user.pool_arn, secure)

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(url, headers=headers, timeout=10, verify=bundle(secure)).status_code

    assert status(user.tokens["IdToken"]) == 200
    assert status(user.tokens["IdToken"][:-4] + "AAAA") == 401


def _guarded_api(api: Any, pool_arn: str, stack: Stack) -> str:
    """URL of an API that users of a pool may call."""
    made = api.create_rest_api(name="guarded")
    guard = api.create_authorizer(
        restApiId=made["id"],
        name="users",
        type="COGNITO_USER_POOLS",
        providerARNs=[pool_arn],
        identitySource="method.request.header.Authorization",
    )
    target = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    api.put_method(**target, authorizationType="COGNITO_USER_POOLS", authorizerId=guard["id"])
    api.put_integration(**target, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.put_method_response(**target, statusCode="200")
    api.put_integration_response(**target, statusCode="200")
    api.create_deployment(restApiId=made["id"], stageName="test")
    return f"{stack.endpoint}/_aws/execute-api/{made['id']}/test/"


def test_accounts_without_tls_are_refused(stack: Stack) -> None:
    """The rehearsal's accounts refuse an engine without TLS."""
    with pytest.raises(StackError, match="the accounts refuse plain HTTP"):
        Accounts(stack)
