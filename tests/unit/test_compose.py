"""Security and versions in docker-compose.yml; `make lint` checks its schema."""

import json
import re
from typing import Any

import pytest
import yaml

from localstack.engines.localstack import HOOKS, LABEL
from tests.conformance.engines import locked
from tooling import docker
from tooling.paths import ROOT

FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]


def filled(text: str) -> str:
    """A value with the defaults that Compose uses when no variable is set."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_bound_to_loopback(name: str) -> None:
    """Ports are published on 127.0.0.1 only."""
    for port in SERVICES[name]["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", filled(port)), port


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    """Every image has a full version."""
    _, _, tag = filled(SERVICES[name]["image"]).rpartition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), SERVICES[name]["image"]


def test_engine_images_match_lock_files() -> None:
    """Engine images have the versions of the lock files."""
    image = docker.LOCALSTACK.real
    assert filled(SERVICES["localstack"]["image"]) == image
    assert image.endswith(f":{locked('localstack', 'localstack-core[runtime]')}")
    assert SERVICES["ministack"]["image"].endswith(f":{locked('engine', 'ministack')}")


@pytest.mark.parametrize("name", SERVICES)
def test_services_have_health_check_and_volume(name: str) -> None:
    """Every service has a health check and keeps its state in a volume."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    volumes = [volume.partition(":")[0] for volume in SERVICES[name]["volumes"]]
    assert any(volume in FILE["volumes"] for volume in volumes)


def test_only_localstack_is_default_and_has_socket() -> None:
    """Only LocalStack starts without a profile, and only LocalStack gets the Docker socket."""
    assert [name for name in SERVICES if "profiles" not in SERVICES[name]] == ["localstack"]
    with_socket = [name for name in SERVICES if any("docker.sock" in volume for volume in SERVICES[name]["volumes"])]
    assert with_socket == ["localstack"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_have_no_extra_privileges(name: str) -> None:
    """No service has more privileges than a plain container."""
    assert not {"privileged", "cap_add", "network_mode", "pid", "user"} & set(SERVICES[name])


def test_hooks_are_mounted_read_only() -> None:
    """LocalStack's start hooks are mounted read-only."""
    mounted = f"./{HOOKS.relative_to(ROOT)}:/etc/localstack/init:ro"
    assert mounted in SERVICES["localstack"]["volumes"]
    assert HOOKS / "start.d" / "authorizer.py" in HOOKS.glob("start.d/*.py")


def test_token_comes_from_environment() -> None:
    """The LocalStack token comes from the environment only."""
    assert SERVICES["localstack"]["environment"]["LOCALSTACK_AUTH_TOKEN"] == "${LOCALSTACK_AUTH_TOKEN:-}"


def test_functions_run_in_image_of_release() -> None:
    """Functions run in the image that a release takes its libraries from, and `make down` finds their containers."""
    environment = SERVICES["localstack"]["environment"]
    images = json.loads(filled(environment["LAMBDA_RUNTIME_IMAGE_MAPPING"]))
    assert images == {"python3.12": docker.LAMBDA.real}
    assert f"--label={LABEL}=${{COMPOSE_PROJECT_NAME" in environment["LAMBDA_DOCKER_FLAGS"]
