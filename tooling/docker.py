"""Docker, where it is installed: it runs the image of Lambda's Python."""

import subprocess

from tooling.cli import UserError

# By custom a dated tag does not move, nor do the RPM repositories of an Amazon Linux 2023 image. Pin the digest to be
# sure (docs/first-account.md, step 7).
IMAGE = "public.ecr.aws/lambda/python:3.12.2026.10.03.13"
_PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
_RESPONSE_SECONDS = 10


class DockerError(UserError):
    """Docker is not installed, or failed; the text ends with its output."""


def available() -> bool:
    """Whether a Docker engine responds."""
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=_RESPONSE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def require_buildx() -> None:
    """Raise DockerError if Docker lacks its builder, as Debian's docker.io does: the older one writes no files."""
    try:
        run("a build in Lambda's image", "buildx", "version", seconds=_RESPONSE_SECONDS)
    except DockerError:
        raise DockerError(
            "Docker lacks buildx: install docker-buildx (Debian 13, Ubuntu) or docker-buildx-plugin (Docker's packages)"
        ) from None


def platform(architecture: str) -> str:
    """Docker's option for a Lambda architecture, arm64 or x86_64."""
    return f"--platform={_PLATFORMS[architecture]}"


def run(what: str, *arguments: str, seconds: float) -> str:
    """Run a Docker command, and return its standard output; the error says `what` it is for.

    Raises DockerError: it failed, or took longer.
    """
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=seconds)
    except FileNotFoundError:
        raise DockerError(f"{what}: there is no docker on PATH: install Docker") from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"{what}: docker {arguments[0]} not finished after {seconds:.0f} s") from None
    if done.returncode:
        raise DockerError(f"{what}: docker {arguments[0]} failed:\n{done.stderr[-2_000:]}")
    return done.stdout
