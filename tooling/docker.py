"""The Docker engine, where one answers: it has the image that Lambda's Python runs in."""

import shutil
import subprocess

from tooling.cli import UserError

# A dated tag never moves, and neither do the RPMs that an image of Amazon Linux 2023 sees.
IMAGE = "public.ecr.aws/lambda/python:3.12.2026.10.03.13"
_PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
_ANSWER_SECONDS = 10


class DockerError(UserError):
    """Docker is not there or failed; the text says why, and ends with its own output."""


def answers() -> bool:
    """Whether a Docker engine can be reached."""
    if not shutil.which("docker"):
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def platform(architecture: str) -> str:
    """Docker's option for an architecture of Lambda: arm64 or x86_64."""
    return f"--platform={_PLATFORMS[architecture]}"


def run(what: str, *arguments: str, seconds: float) -> str:
    """Run a command of Docker, and return what it printed.

    Args:
        what: it does, for the error.
        arguments: of `docker`.
        seconds: that it may take.

    Raises:
        DockerError: it failed, or took longer.
    """
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=seconds)
    except FileNotFoundError:
        raise DockerError(f"{what}: there is no docker on PATH: install Docker") from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"{what}: docker {arguments[0]} has not ended in {seconds:.0f} s") from None
    if done.returncode:
        raise DockerError(f"{what}: docker {arguments[0]} failed:\n{done.stderr[-2_000:]}")
    return done.stdout
