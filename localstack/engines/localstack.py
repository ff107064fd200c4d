"""LocalStack in Docker, as docker-compose.yml configures it."""

import os

import requests

from localstack.stack import DOCKER_HOST_NAME, Stack, StackError
from tooling import commands
from tooling.paths import ROOT
from tooling.polling import poll

_DOCKER_SECONDS = 300
_HOOKS_SECONDS = 30
# LocalStack runs these scripts when it starts.
HOOKS = ROOT / "localstack" / "hooks"


# The last version that runs without a token.
VERSION = "4.14.0"
# By feature; e2e/test_lacks.py fails when one is there.
LACKS = {
    "IAM": f"LocalStack {VERSION} enforces no policy without a token",
    "CloudTrail": f"LocalStack {VERSION} has no CloudTrail without a token",
    "Cognito": f"LocalStack {VERSION} has no Cognito without a token",
    "snapshots": f"LocalStack {VERSION} keeps no state without a token",
    "mail feedback": f"LocalStack {VERSION} reports no bounces and complaints",
    "metrics": f"LocalStack {VERSION} publishes no metrics of logs and APIs",
}


class LocalStack:
    """LocalStack in a container."""

    name = "localstack"

    @property
    def has_cognito(self) -> bool:
        """Whether there is a LocalStack token, which Cognito needs."""
        return bool(os.environ.get("LOCALSTACK_AUTH_TOKEN"))

    def _compose(self, stack: Stack, *arguments: str) -> None:
        environment = {
            **os.environ,
            "ENGINE_PORT": str(stack.ports["engine"]),
            "SMTP_HOST": f"{DOCKER_HOST_NAME}:{stack.ports['smtp']}",
            "ISSUER_URL": f"http://{DOCKER_HOST_NAME}:{stack.ports.get('issuer', 0)}",
            "LOCALSTACK_IMAGE": image(),
        }
        command = ["docker", "compose", *arguments]
        commands.run(" ".join(command), command, _DOCKER_SECONDS, environment, ROOT).checked()

    def start(self, stack: Stack) -> None:
        """Start the container and wait until it is healthy."""
        self._compose(stack, "up", "--detach", "--wait")
        require_hooks(stack.endpoint)

    def stop(self, stack: Stack) -> None:
        """Remove the container and its volume."""
        self._compose(stack, "down", "--volumes")

    def healthy(self, stack: Stack) -> bool:
        """Whether LocalStack responds."""
        try:
            return requests.get(f"{stack.endpoint}/_localstack/health", timeout=2).ok
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
    """Return the last image that runs without a token, or the newest if there is a token."""
    return (
        "localstack/localstack:latest"
        if os.environ.get("LOCALSTACK_AUTH_TOKEN")
        else f"localstack/localstack:{VERSION}"
    )
