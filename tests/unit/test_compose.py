"""What docker-compose.yml promises beyond its schema, which `make lint` checks; no engine runs here."""

import re
from typing import Any

import pytest
import yaml

from localstack.engines.localstack import HOOKS, image
from tests.conformance.engines import locked
from tooling.paths import ROOT

FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]


def filled(text: str) -> str:
    """A value with its defaults, as Compose fills them in when no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    for port in SERVICES[name]["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", filled(port)), port


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    _, _, tag = filled(SERVICES[name]["image"]).rpartition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), SERVICES[name]["image"]


def test_engines_are_those_that_are_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    assert filled(SERVICES["localstack"]["image"]) == image()
    assert image().endswith(f":{locked('localstack', 'localstack-core[runtime]')}")
    assert SERVICES["ministack"]["image"].endswith(f":{locked('engine', 'ministack')}")


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_tells_whether_it_is_well_and_keeps_its_state(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    volumes = [volume.partition(":")[0] for volume in SERVICES[name]["volumes"]]
    assert any(volume in FILE["volumes"] for volume in volumes)


def test_only_localstack_starts_unasked_and_reaches_docker() -> None:
    assert [name for name in SERVICES if "profiles" not in SERVICES[name]] == ["localstack"]
    with_socket = [name for name in SERVICES if any("docker.sock" in volume for volume in SERVICES[name]["volumes"])]
    assert with_socket == ["localstack"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_a_container(name: str) -> None:
    assert not {"privileged", "cap_add", "network_mode", "pid", "user"} & set(SERVICES[name])


def test_what_localstack_runs_as_it_starts_is_mounted_to_be_read() -> None:
    mounted = f"./{HOOKS.relative_to(ROOT)}:/etc/localstack/init:ro"
    assert mounted in SERVICES["localstack"]["volumes"]
    assert [path.name for path in HOOKS.glob("start.d/*.py")] == ["authorizer.py"]


def test_a_token_is_never_written_down() -> None:
    assert SERVICES["localstack"]["environment"]["LOCALSTACK_AUTH_TOKEN"] == "${LOCALSTACK_AUTH_TOKEN:-}"
