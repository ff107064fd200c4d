"""Docker, where it is installed: it runs the images of Lambda's Python and of LocalStack.

A stand-in image, which `bin/ops stack images` makes where no registry can be reached, is used only where the real image
is not there.
"""

import json
import os
import platform as machine
import subprocess
from typing import Any, Literal, NamedTuple

from tooling.cli import UserError

_PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
_RESPONSE_SECONDS = 10
_SHORT_SECONDS = 60
# Every stand-in has this label, with the name of the real image.
STAND_IN_LABEL = "order-platform.stands-in-for"


class Image(NamedTuple):
    """An image by its name in a registry, and the name of its stand-in."""

    real: str
    stand_in: str

    def name(self) -> str:
        """The name to use: the stand-in's if that is there and the real image is not."""
        return self.stand_in if self.is_stand_in() else self.real

    def is_stand_in(self) -> bool:
        """Whether the stand-in is used."""
        return not present(self.real) and present(self.stand_in)

    def content(self) -> str:
        """What distinguishes the content of the image to use from that of others.

        It is the stand-in's id, because each version of it has the same name, and the real image's name, because a
        build for another architecture does not keep the image here.
        """
        found = None if present(self.real) else _inspect(self.stand_in)
        return str(found["Id"]) if found else self.real


# By custom a dated tag does not move, nor do the RPM repositories of an Amazon Linux 2023 image. Pin the digest to be
# sure (docs/first-account.md, step 7).
LAMBDA = Image("public.ecr.aws/lambda/python:3.12.2026.10.03.13", "order-platform/stand-in-lambda-python:3.12")
# The last version that runs without a token.
LOCALSTACK = Image("localstack/localstack:4.14.0", "order-platform/stand-in-localstack:4.14.0")


class DockerError(UserError):
    """Docker is not installed, or failed; the text ends with its output."""


def available() -> bool:
    """Whether a Docker engine responds."""
    return _succeeds("info")


def can_build() -> bool:
    """Whether a Docker engine responds and has buildx: the older builder, all that Debian 12 has, writes no files."""
    return available() and _succeeds("buildx", "version")


def _succeeds(*arguments: str) -> bool:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, check=False, timeout=_RESPONSE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def platform(architecture: str) -> str:
    """Docker's option for a Lambda architecture, arm64 or x86_64."""
    return f"--platform={_PLATFORMS[architecture]}"


def architecture() -> Literal["arm64", "x86_64"]:
    """Lambda's name of the architecture of this machine, which containers run on without emulation."""
    return "arm64" if machine.machine() in ("arm64", "aarch64") else "x86_64"


def present(image: str) -> bool:
    """Whether an image is on this machine; not if no Docker engine responds."""
    return _inspect(image) is not None


def label(image: str, name: str) -> str | None:
    """The label of an image on this machine, empty if it has none of that name; None if there is no such image."""
    found = _inspect(image)
    return None if found is None else str((found["Config"]["Labels"] or {}).get(name, ""))


def _inspect(image: str) -> dict[str, Any] | None:
    try:
        found: list[dict[str, Any]] = json.loads(run(image, "image", "inspect", image, seconds=_SHORT_SECONDS))
    except DockerError:
        return None
    return found[0]


def run(what: str, *arguments: str, seconds: float) -> str:
    """Run a Docker command, and return its standard output; the error says `what` it is for.

    Raises DockerError: it failed, or took longer.
    """
    # With 0, of a person's shell, the older builder would build.
    variables = {**os.environ, "DOCKER_BUILDKIT": "1"}
    command = ["docker", *arguments]
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=seconds)
    except FileNotFoundError:
        raise DockerError(f"{what}: there is no docker on PATH: install Docker") from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"{what}: docker {arguments[0]} not finished after {seconds:.0f} s") from None
    if done.returncode:
        raise DockerError(f"{what}: docker {arguments[0]} failed:\n{done.stderr[-2_000:]}")
    return done.stdout
