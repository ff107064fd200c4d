"""LocalStack in Docker, as docker-compose.yml configures it: a project, network and volume for each stack."""

import hashlib
import ipaddress
import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import requests

from localstack import processes
from localstack.stack import DOCKER_HOST_NAME, PROCESS_VARIABLE, Stack, StackError
from tooling import commands, docker
from tooling.paths import ROOT
from tooling.polling import poll

# The first start may download the image.
_DOCKER_SECONDS = 900
_SHORT_SECONDS = 60
_RESPONSE_SECONDS = 15
_HOOKS_SECONDS = 30
# The sidecars may still be starting.
_REACH_SECONDS = 30
# LocalStack runs these scripts when it starts.
HOOKS = ROOT / "localstack" / "hooks"
# Every container of a stack has this label, with the name of its Compose project.
LABEL = "order-platform.stack"
_OF_COMPOSE = "com.docker.compose.project"
# What containers call on this machine, by the use of its port.
_CALLED = ("cart", "smtp", "issuer", "proxy")

# The last version that runs without a token.
VERSION = docker.LOCALSTACK.real.rpartition(":")[2]
# By feature; e2e/test_lacks.py fails when one is there.
LACKS = {
    "IAM": f"LocalStack {VERSION} enforces no policy without a token",
    "CloudTrail": f"LocalStack {VERSION} has no CloudTrail without a token",
    "Cognito": f"LocalStack {VERSION} has no Cognito without a token",
    "snapshots": f"LocalStack {VERSION} keeps no state without a token",
    "mail feedback": f"LocalStack {VERSION} reports no bounces and complaints",
    "metrics": f"LocalStack {VERSION} publishes no metrics of logs and APIs",
}


def project(directory: Path) -> str:
    """The name of the Compose project of the stack in a folder."""
    return f"order-platform-{hashlib.sha256(str(directory).encode()).hexdigest()[:8]}"


class LocalStack:
    """LocalStack in a container, which starts a container for each function."""

    name = "localstack"
    needs_mail_catcher = True

    @property
    def has_cognito(self) -> bool:
        """Whether there is a LocalStack token, which Cognito needs."""
        return bool(os.environ.get("LOCALSTACK_AUTH_TOKEN"))

    def start(self, stack: Stack) -> None:
        """Start the container and wait until it is healthy, has run its hooks, and reaches the sidecars."""
        stack.applied = None
        _compose(stack, "up", "--detach", "--wait")
        require_hooks(stack.endpoint)
        self.connect(stack)

    def connect(self, stack: Stack) -> None:
        """Let containers reach the sidecars, if they do not."""
        if not processes.alive(stack.running.get("bridge")):
            _let_in(stack)

    def stop(self, stack: Stack) -> None:
        """Remove the containers of LocalStack and of its functions, its network and its volume, by force."""
        processes.stop(stack.running.get("bridge"))
        name = project(stack.directory)
        # Killed first, LocalStack starts no more functions, which would keep the network.
        for label in (f"{_OF_COMPOSE}={name}", f"{LABEL}={name}"):
            _remove("ps --all", "rm --force --volumes", label)
        _remove("network ls", "network rm", f"{_OF_COMPOSE}={name}")
        _remove("volume ls", "volume rm", f"{_OF_COMPOSE}={name}")

    def unresponsive(self, stack: Stack) -> str | None:
        """The name of the container if it runs, although it may not respond."""
        ids = _containers(stack)
        return f"container {ids[0]}" if ids else None

    def healthy(self, stack: Stack) -> bool:
        """Whether LocalStack runs and responds."""
        return bool(_containers(stack)) and responds(stack.endpoint)


def _compose(stack: Stack, *arguments: str) -> None:
    """Run Compose on the stack's project."""
    environment = {
        # Of the shell only where the Docker engine is, and the token: no other variable, and no file .env.
        **processes.environment(),
        **{name: value for name, value in os.environ.items() if name.startswith("DOCKER_")},
        "LOCALSTACK_AUTH_TOKEN": os.environ.get("LOCALSTACK_AUTH_TOKEN", ""),
        "ENGINE_PORT": str(stack.ports.get("engine", 0)),
        "SMTP_HOST": f"{DOCKER_HOST_NAME}:{stack.ports['smtp']}" if "smtp" in stack.ports else "",
        "ISSUER_URL": f"http://{DOCKER_HOST_NAME}:{stack.ports['issuer']}" if stack.issuer_url else "",
        "LOCALSTACK_IMAGE": image(),
        "LAMBDA_IMAGE": docker.LAMBDA.name(),
    }
    name = project(stack.directory)
    command = ["docker", "compose", f"--project-name={name}", "--env-file=/dev/null", *arguments]
    done = commands.run(f"docker compose {arguments[0]}", command, _DOCKER_SECONDS, environment, ROOT)
    if done.status and "unknown flag: --project-name" in done.output:
        raise StackError("Docker lacks Compose 2: install docker-compose (Debian 13) or docker-compose-plugin")
    done.checked()


def _ids(listing: str, label: str) -> list[str]:
    """Ids of what Docker lists with a label."""
    command = [*listing.split(), "--quiet", f"--filter=label={label}"]
    return docker.run("containers of the stack", *command, seconds=_SHORT_SECONDS).split()


def _containers(stack: Stack) -> list[str]:
    """Id of LocalStack's container, while it runs."""
    return _ids("ps", f"{_OF_COMPOSE}={project(stack.directory)}")


def _remove(listing: str, removal: str, label: str) -> None:
    """Remove what Docker lists with a label."""
    if ids := _ids(listing, label):
        docker.run("what is left of the stack", *removal.split(), *ids, seconds=_SHORT_SECONDS)


def _let_in(stack: Stack) -> None:
    """Let the stack's containers reach the sidecars, which listen on 127.0.0.1 of this machine.

    Docker Desktop does so by itself. On Linux a forwarder listens on the bridge's address.

    Raises StackError: they do not reach them, such as because of a firewall.
    """
    (container,) = _containers(stack)
    found = _exec(container, "getent", "ahostsv4", DOCKER_HOST_NAME)
    address = found.split()[0]
    own = {each.address for addresses in psutil.net_if_addrs().values() for each in addresses}
    ports = [stack.ports[use] for use in _CALLED if use in stack.ports]
    if address in own:
        (inspected,) = json.loads(docker.run("LocalStack", "inspect", container, seconds=_SHORT_SECONDS))
        networks = [_network(each) for each in inspected["NetworkSettings"]["Networks"].values()]
        command = [sys.executable, "-m", "localstack.sidecars.bridge", address, ",".join(networks), *map(str, ports)]
        environment = processes.environment(**{PROCESS_VARIABLE: str(stack.directory)})
        stack.running["bridge"] = processes.start(command, stack.logs_dir / "bridge.log", environment, ROOT)
        stack.save()
    for port in ports:
        url = f"telnet://{DOCKER_HOST_NAME}:{port}"

        def reached(url: str = url) -> bool | None:
            return "Connected to" in _exec(container, "curl", "--verbose", "--max-time", "0.2", url) or None

        poll(f"containers reach port {port} of this machine (does a firewall keep them out?)", reached, _REACH_SECONDS)


def _network(of_container: dict[str, Any]) -> str:
    """The network that a container has an address in."""
    return str(ipaddress.ip_interface(f"{of_container['IPAddress']}/{of_container['IPPrefixLen']}").network)


def _exec(container: str, *command: str) -> str:
    """Both outputs of a command in a container, whatever its status."""
    return commands.run("docker exec", ["docker", "exec", container, *command], _SHORT_SECONDS).output


def responds(endpoint: str) -> bool:
    """Whether LocalStack at a URL responds."""
    try:
        return requests.get(f"{endpoint}/_localstack/health", timeout=_RESPONSE_SECONDS).ok
    except requests.RequestException:
        return False


def require_hooks(endpoint: str) -> None:
    """Wait until LocalStack at a URL has run its start hooks.

    Raises StackError: A hook failed; without the authorizer the API would accept every caller.
    """

    def scripts() -> list[dict[str, str]] | None:
        response = requests.get(f"{endpoint}/_localstack/init", timeout=5).json()
        return response["scripts"] if response["completed"]["READY"] else None

    found = poll("LocalStack's hooks have run", scripts, _HOOKS_SECONDS)
    done = {script["name"] for script in found if script["state"] == "SUCCESSFUL"}
    missing = {path.name for path in HOOKS.glob("start.d/*.py")} - done
    if missing:
        raise StackError(f"LocalStack did not run {', '.join(sorted(missing))}: see its log")


def image() -> str:
    """The newest image if there is a token, else the last that runs without one, or its stand-in."""
    return "localstack/localstack:latest" if os.environ.get("LOCALSTACK_AUTH_TOKEN") else docker.LOCALSTACK.name()
