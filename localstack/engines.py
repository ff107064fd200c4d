"""What emulates AWS: MiniStack embedded in a virtual environment, or LocalStack in Docker."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import requests

from localstack import processes
from localstack import stack as stacks
from localstack.stack import ACCOUNT, DOCKER_HOST_NAME, REGION, Certificates, Stack, StackError
from tooling import docker
from tooling.machine import ENGINE_VENV
from tooling.paths import ROOT
from tooling.polling import poll

_START_SECONDS = 60
_SAVE_SECONDS = 60
_DOCKER_SECONDS = 300
_HOOKS_SECONDS = 30
# Run by LocalStack as it starts.
HOOKS = ROOT / "localstack" / "hooks"


class Engine(Protocol):
    """An emulator of AWS."""

    name: str

    @property
    def has_cognito(self) -> bool:
        """Whether users sign in to it; where not, the harness's issuer gives the tokens."""

    def start(self, stack: Stack) -> None:
        """Start it, and return when it answers."""

    def stop(self, stack: Stack) -> None:
        """Stop it; what it held is gone."""

    def healthy(self, stack: Stack) -> bool:
        """Whether it runs and answers."""


def _answers(url: str, certificates: Certificates | None = None) -> bool:
    try:
        return requests.get(url, timeout=2, verify=certificates.bundle if certificates else True).ok
    except requests.RequestException:
        return False


class Embedded:
    """MiniStack: a process of the engine's own virtual environment, with IAM enforced."""

    name = "embedded"
    has_cognito = True

    def start(self, stack: Stack) -> None:
        """Start MiniStack on the stack's port."""
        # Its own environment only: a credential or an endpoint of the shell must not leak into functions.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))
        } | {
            "AUTH": "true",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(stack.ports["engine"]),
            "SMTP_HOST": f"127.0.0.1:{stack.ports['smtp']}",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            # A developer's pause should not make the next order a cold start.
            "LAMBDA_WARM_TTL_SECONDS": "86400",
            "PYTHONUNBUFFERED": "1",
            # What the engine unpacks goes when the stack goes.
            "TMPDIR": str(stack.engine_dir),
            "STATE_DIR": str(stack.engine_dir / "state"),
            "LOST_FILE": str(stack.lost_file),
            "DECISIONS_FILE": str(stack.decisions_file),
            "CHANGES_FILE": str(stack.changes_file),
        }
        if stack.issuer_url:
            environment["ISSUER_URL"] = stack.issuer_url
        if stack.proxy_url:
            # Functions are started with it too. What happens to an engine under faults is survived from disk.
            environment |= {
                "AWS_ENDPOINT_URL": stack.proxy_url,
                "PERSIST_STATE": "1",
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(stack.engine_dir / "s3"),
            }
        if stack.certificates:
            # Functions are started with it too, and so trust engine and cart stub.
            environment |= stack.certificates.trusted() | {
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": stack.certificates.certificate,
                "MINISTACK_SSL_KEY": stack.certificates.key,
            }
        stack.engine_dir.mkdir(parents=True, exist_ok=True)
        # -P: the names of our own modules must not stand before those of the engine's libraries.
        command = [
            str(ENGINE_VENV / "bin" / "python"),
            "-P",
            str(ROOT / "localstack" / "ministack_patches" / "__main__.py"),
        ]
        # What it has kept of a life before is not what anybody looked at.
        stack.applied = None
        stack.running["engine"] = processes.start(command, stack.logs_dir / "engine.log", environment, stack.directory)
        stack.save()
        log = stack.logs_dir / "engine.log"

        def answers() -> bool | None:
            if not processes.alive(stack.running["engine"]):
                last = (log.read_text().splitlines() or ["nothing"])[-1]
                raise StackError(f"MiniStack ended as it started, and said last: {last} (all of it: {log})")
            return self.healthy(stack) or None

        poll(f"MiniStack answers on port {stack.ports['engine']} (log: {log})", answers, _START_SECONDS)

    def restart(self, stack: Stack) -> None:
        """Stop MiniStack and its workers, and start it with the state that it left on disk."""
        processes.stop(stack.running.get("engine"), _SAVE_SECONDS)
        self.start(stack)

    def stop(self, stack: Stack) -> None:
        """Stop MiniStack and its workers."""
        processes.stop(stack.running.get("engine"))
        shutil.rmtree(stack.engine_dir, ignore_errors=True)

    def healthy(self, stack: Stack) -> bool:
        """Whether MiniStack runs and answers."""
        return processes.alive(stack.running.get("engine")) and _answers(
            f"{stack.endpoint}/_ministack/health", stack.certificates
        )


class LocalStack:
    """LocalStack in Docker, as docker-compose.yml has it."""

    name = "localstack"

    @property
    def has_cognito(self) -> bool:
        """Whether there is a token, which Cognito needs."""
        return bool(os.environ.get("LOCALSTACK_AUTH_TOKEN"))

    def _compose(self, stack: Stack, *arguments: str) -> None:
        environment = {
            **os.environ,
            "ENGINE_PORT": str(stack.ports["engine"]),
            "SMTP_HOST": f"{DOCKER_HOST_NAME}:{stack.ports['smtp']}",
            "ISSUER_URL": f"http://{DOCKER_HOST_NAME}:{stack.ports.get('issuer', 0)}",
            "LOCALSTACK_IMAGE": image(),
        }
        try:
            subprocess.run(
                ["docker", "compose", *arguments], cwd=ROOT, env=environment, check=True, timeout=_DOCKER_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StackError(f"docker compose {' '.join(arguments)} failed: {error}") from error

    def start(self, stack: Stack) -> None:
        """Start the container, and wait until it is healthy."""
        self._compose(stack, "up", "--detach", "--wait")
        require_hooks(stack.endpoint)

    def stop(self, stack: Stack) -> None:
        """Remove the container and its volume."""
        self._compose(stack, "down", "--volumes")

    def healthy(self, stack: Stack) -> bool:
        """Whether LocalStack answers."""
        return _answers(f"{stack.endpoint}/_localstack/health")


def require_hooks(endpoint: str) -> None:
    """Wait until LocalStack has run what it runs as it starts.

    Args:
        endpoint: URL of the engine.

    Raises:
        StackError: one of them failed: without the authorizer the API would let everybody in.
    """

    def ran() -> list[dict[str, str]] | None:
        answer = requests.get(f"{endpoint}/_localstack/init", timeout=5).json()
        return answer["scripts"] if answer["completed"]["READY"] else None

    scripts = poll("LocalStack's hooks have run", ran, _HOOKS_SECONDS)
    wanted = {path.name for path in HOOKS.glob("*.d/*.py")}
    done = {script["name"] for script in scripts if script["state"] == "SUCCESSFUL"}
    if wanted - done:
        raise StackError(f"LocalStack did not run {', '.join(sorted(wanted - done))}: see its log")


def image() -> str:
    """The last image that runs without a token, or the current one when there is a token."""
    return "localstack/localstack:latest" if os.environ.get("LOCALSTACK_AUTH_TOKEN") else "localstack/localstack:4.14.0"


def choose(name: str | None) -> Engine:
    """The engine of a name; without one MiniStack, which runs everywhere and whole.

    LocalStack is for who asks for it: without a token it has no Cognito.

    Raises:
        StackError: there is no such engine, or it cannot run here.
    """
    if name in (None, "", "embedded"):
        return Embedded()
    if name != "localstack":
        raise StackError(f"there is no engine {name}: ENGINE is embedded or localstack")
    if not docker.answers():
        raise StackError("ENGINE=localstack needs a Docker engine, and none answers: start Docker, or ENGINE=embedded")
    return LocalStack()


def require(directory: Path | None = None) -> Stack:
    """The stack in a folder, whose engine answers.

    Raises:
        StackError: it has not been made, or its engine is gone.
    """
    stack = stacks.require(directory)
    if not choose(stack.engine).healthy(stack):
        raise StackError(
            f"the engine of the stack in {stack.directory} does not answer: run `make up`, which makes the stack anew"
        )
    return stack
