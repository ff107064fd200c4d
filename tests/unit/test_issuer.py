"""Tokens of the harness: those of Cognito, and only where Terraform takes them."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests

from localstack import up
from localstack.engines.localstack import LocalStack
from localstack.sidecars.issuer import CLIENT_ID, ISSUER_POOL, Issuer, TokenIssuer
from localstack.stack import Running, Stack, StackError
from localstack.terraform import LocalTerraform
from release.environments import ENVIRONMENTS
from tooling.paths import ROOT


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    """An issuer that runs."""
    server = TokenIssuer(0, tmp_path / "issuer.pem")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Issuer(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def verified(issuer: Issuer, token: str) -> dict[str, object]:
    """What a token says, by the keys that are served."""
    keys = requests.get(f"{issuer.url}/{ISSUER_POOL}/.well-known/jwks.json", timeout=10).json()["keys"]
    found: dict[str, object] = jwt.decode(token, jwt.PyJWK(keys[0]), ["RS256"], audience=CLIENT_ID)
    return found


def test_a_token_says_what_cognitos_would(issuer: Issuer) -> None:
    claims = verified(issuer, issuer.sign_in("thandi@acme.example", "tenant-acme", "admin")["IdToken"])
    assert claims["iss"] == f"https://cognito-idp.af-south-1.amazonaws.com/{ISSUER_POOL}"
    assert (claims["token_use"], claims["email"]) == ("id", "thandi@acme.example")
    assert (claims["custom:tenantId"], claims["cognito:groups"]) == ("tenant-acme", ["admin"])
    assert claims["sub"] == verified(issuer, issuer.sign_in("thandi@acme.example")["IdToken"])["sub"]


def test_a_user_without_tenant_or_group_has_neither(issuer: Issuer) -> None:
    claims = verified(issuer, issuer.sign_in("nobody@example.com")["IdToken"])
    assert not {"custom:tenantId", "cognito:groups"} & set(claims)


def test_the_key_outlives_the_issuer_and_is_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "issuer.pem"
    found = []
    for _ in range(2):
        server = TokenIssuer(0, file)
        found.append(server.keys())
        server.server_close()
    assert found[0] == found[1]
    assert file.stat().st_mode & 0o077 == 0


def test_it_listens_on_this_machine_only(tmp_path: Path) -> None:
    server = TokenIssuer(0, tmp_path / "issuer.pem")
    assert server.server_address[0] == "127.0.0.1"
    server.server_close()


def test_terraform_is_told_only_where_the_issuer_is(tmp_path: Path) -> None:
    ports = {"engine": 1, "cart": 2}
    with_cognito = LocalTerraform(Stack(tmp_path, ports=ports))._variables
    with_issuer = LocalTerraform(Stack(tmp_path, ports={**ports, "issuer": 3}))._variables
    assert set(with_issuer) - set(with_cognito) == {"-var=authorizer=issuer"}


@pytest.mark.parametrize("name", [file for place in ENVIRONMENTS.values() for file in place.var_files])
def test_no_environment_of_aws_names_an_authorizer(name: str) -> None:
    assert "authorizer" not in (ROOT / "terraform" / "env" / name).read_text()


def test_nothing_that_runs_in_aws_knows_the_engine_or_the_issuer() -> None:
    words = re.compile(r"localstack|ministack|moto\b|jwks|endpoint_url", re.IGNORECASE)
    files = [path for folder in ("functions", "common") for path in (ROOT / folder).rglob("*.py")]
    assert files
    assert {
        str(path.relative_to(ROOT)): words.findall(path.read_text()) for path in files if words.search(path.read_text())
    } == {}


def test_a_stack_with_cognito_does_not_change_its_tokens(tmp_path: Path) -> None:
    stack = Stack(tmp_path, ports={"engine": 1}, running={"engine": Running(1, 2.0)})
    with pytest.raises(StackError, match="a stack with Cognito is up"):
        up.up(stack, "embedded", issuer=True)


def test_localstack_without_a_token_has_no_cognito(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    assert not LocalStack().has_cognito
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "a token")
    assert LocalStack().has_cognito
