"""Tokens of the issuer: like Cognito's, and accepted only on local stacks."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests

from localstack import up
from localstack.engines.localstack import LocalStack
from localstack.sidecars.issuer import TokenIssuer
from localstack.sidecars.issuer_client import CLIENT_ID, ISSUER_POOL, Issuer
from localstack.stack import Running, Stack, StackError
from localstack.terraform import LocalTerraform
from release.environments import ENVIRONMENTS
from tooling.paths import ROOT


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    """A running issuer."""
    server = TokenIssuer(0, tmp_path / "issuer.jwk")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Issuer(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def verified(issuer: Issuer, token: str) -> dict[str, object]:
    """Claims of a token, verified with the published keys."""
    keys = requests.get(f"{issuer.url}/{ISSUER_POOL}/.well-known/jwks.json", timeout=10).json()["keys"]
    found: dict[str, object] = jwt.decode(token, jwt.PyJWK(keys[0]), ["RS256"], audience=CLIENT_ID)
    return found


def test_issuer_token_has_cognitos_claims(issuer: Issuer) -> None:
    """A token of the issuer has the claims of a Cognito token."""
    claims = verified(issuer, issuer.sign_in("thandi@acme.example", "tenant-acme", "admin")["IdToken"])
    assert claims["iss"] == f"https://cognito-idp.af-south-1.amazonaws.com/{ISSUER_POOL}"
    assert (claims["token_use"], claims["email"]) == ("id", "thandi@acme.example")
    assert (claims["custom:tenantId"], claims["cognito:groups"]) == ("tenant-acme", ["admin"])
    assert claims["sub"] == verified(issuer, issuer.sign_in("thandi@acme.example")["IdToken"])["sub"]


def test_issuer_token_without_tenant_or_group(issuer: Issuer) -> None:
    """A user without tenant and group gets a token without those claims."""
    claims = verified(issuer, issuer.sign_in("nobody@example.com")["IdToken"])
    assert not {"custom:tenantId", "cognito:groups"} & set(claims)


def test_issuer_key_survives_restart(tmp_path: Path) -> None:
    """The key survives a restart, and only its owner can read the file."""
    file = tmp_path / "issuer.jwk"
    found = []
    for _ in range(2):
        server = TokenIssuer(0, file)
        found.append(server.keys())
        server.server_close()
    assert found[0] == found[1]
    assert file.stat().st_mode & 0o077 == 0


def test_issuer_listens_on_loopback(tmp_path: Path) -> None:
    """The issuer listens on 127.0.0.1 only."""
    server = TokenIssuer(0, tmp_path / "issuer.jwk")
    assert server.server_address[0] == "127.0.0.1"
    server.server_close()


def test_variables_name_issuer_only_with_one(tmp_path: Path) -> None:
    """Terraform accepts the issuer's tokens only on a stack with an issuer."""
    ports = {"engine": 1, "cart": 2}
    with_cognito = LocalTerraform(Stack(tmp_path, ports=ports))._variables
    with_issuer = LocalTerraform(Stack(tmp_path, ports={**ports, "issuer": 3}))._variables
    assert set(with_issuer) - set(with_cognito) == {"-var=authorizer=issuer"}


@pytest.mark.parametrize("name", [file for environment in ENVIRONMENTS.values() for file in environment.var_files])
def test_aws_environments_use_cognito(name: str) -> None:
    """No environment in AWS chooses another authorizer than Cognito."""
    assert "authorizer" not in (ROOT / "terraform" / "env" / name).read_text()


def test_functions_name_no_engine_or_issuer() -> None:
    """No code that runs in AWS mentions an engine or the issuer."""
    words = re.compile(r"localstack|ministack|moto\b|jwks|endpoint_url", re.IGNORECASE)
    files = [path for folder in ("functions", "common") for path in (ROOT / folder).rglob("*.py")]
    assert files
    assert {
        str(path.relative_to(ROOT)): words.findall(path.read_text()) for path in files if words.search(path.read_text())
    } == {}


def test_up_issuer_on_stack_with_cognito_is_refused(tmp_path: Path) -> None:
    """A running stack with Cognito cannot switch to the issuer."""
    stack = Stack(tmp_path, ports={"engine": 1}, running={"engine": Running(1, "token")})
    stack.save()
    with pytest.raises(StackError, match="a stack with Cognito is up"):
        up.up(stack, "embedded", issuer=True)


def test_has_cognito_needs_localstack_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """LocalStack has Cognito only with a token."""
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    assert not LocalStack().has_cognito
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "a token")
    assert LocalStack().has_cognito
