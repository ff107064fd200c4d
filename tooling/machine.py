"""What a machine must have before anything is installed, and the two virtual environments.

`python3 tooling/machine.py` runs with any Python from 3.8 and the standard library alone, since it is what finds
the Python that the rest needs.
"""

from __future__ import annotations

import ctypes.util
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PROJECT_VENV = ROOT / ".venv"
ENGINE_VENV = ROOT / "build" / "engine-venv"
PYTHON_VERSION = (3, 12)
# Tools whose libraries are not ours: each has an environment of its own, made when it is asked for.
TOOL_VENVS = {name: ROOT / "build" / f"{name}-venv" for name in ("moto", "localstack", "checkov", "load")}
_TOOL_PYTHON = {"localstack": (3, 13)}
TERRAFORM_VERSION = (1, 10)
PANGO = ("pango-1.0", "pangoft2-1.0", "gobject-2.0", "harfbuzz", "harfbuzz-subset")
CHROMIUM = (
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_STAMP = "made-from"
_PROBE_SECONDS = 20
_INSTALL_SECONDS = 900


class Missing(NamedTuple):
    """Something that the machine lacks: what it is, what for, and how to get it."""

    what: str
    purpose: str
    remedy: str


CHROMIUM_MISSING = Missing(
    "Chromium or Chrome",
    "tries the pages of the console and takes the pictures of mails",
    "apt-get install chromium, or brew install --cask chromium, or name one: CHROMIUM=/path/of/chrome",
)


def _output(*command: str) -> str:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_PROBE_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()


def _candidates(version: tuple[int, int]) -> Iterator[str]:
    """Where a Python of a version may be, the likely first: each that is tried takes a moment."""
    major, minor = version
    name = f"python{major}.{minor}"
    if version == PYTHON_VERSION:
        yield _made_with(PROJECT_VENV)
    yield sys.executable
    yield shutil.which(name) or ""
    yield f"{os.environ.get('HOME', '')}/.local/bin/{name}"
    pyenv_root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    yield from sorted(glob.glob(f"{pyenv_root}/versions/{major}.{minor}*/bin/{name}"), reverse=True)
    if shutil.which("uv"):
        yield _output("uv", "python", "find", "--no-python-downloads", f"{major}.{minor}")


@lru_cache
def find_python(version: tuple[int, int] = PYTHON_VERSION) -> str | None:
    """The path of a Python of a version, 3.12 unless told, that runs; or None."""
    script = "import sys, venv, ensurepip; print(sys.executable, *sys.version_info[:2])"
    for candidate in _candidates(version):
        # A shim of pyenv is there and fails, so only an answer counts.
        answer = _output(candidate, "-c", script).rsplit(" ", 2) if candidate else []
        if answer[1:] == [str(part) for part in version]:
            return answer[0]
    return None


def _terraform_problem() -> Missing | None:
    remedy = "install it from https://developer.hashicorp.com/terraform/install (brew install hashicorp/tap/terraform)"
    try:
        version = json.loads(_output("terraform", "version", "-json")).get("terraform_version", "")
    except ValueError:
        version = ""
    wanted = ".".join(str(part) for part in TERRAFORM_VERSION)
    match = re.match(r"(\d+)\.(\d+)", version)
    if not match:
        return Missing(f"Terraform {wanted} or later", "makes the stack, here as in AWS", remedy)
    if (int(match.group(1)), int(match.group(2))) < TERRAFORM_VERSION:
        return Missing(f"Terraform {wanted} or later (there is {version})", "makes the stack, here as in AWS", remedy)
    return None


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome: what the variable CHROMIUM names, else the first that is there; or None."""
    given = os.environ.get("CHROMIUM")
    return next((path for name in ([given] if given else CHROMIUM) for path in [shutil.which(name)] if path), None)


def missing(for_tests: bool = False) -> list[Missing]:
    """Everything that the machine lacks for `make up`, or for `make test`."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        python, terraform = pool.submit(find_python), pool.submit(_terraform_problem)
    found = []
    if for_tests and find_chromium() is None:
        found.append(CHROMIUM_MISSING)
    if python.result() is None:
        found.append(
            Missing(
                "Python 3.12 with venv",
                "runs everything: it is the version of the functions in AWS",
                "pyenv install 3.12, or uv python install 3.12, or apt-get install python3.12-venv, "
                "or brew install python@3.12",
            )
        )
    problem = terraform.result()
    if problem:
        found.append(problem)
    libraries = [name for name in PANGO if not ctypes.util.find_library(name)]
    if libraries:
        found.append(
            Missing(
                f"Pango ({', '.join(libraries)})",
                "draws the invoice PDF",
                "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0, or brew install pango",
            )
        )
    return found


def _make_venv(python: str, venv: Path, lock: Path, stamp: str) -> None:
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [
        [python, "-m", "venv", "--clear", str(venv)],
        [*pip, "--root-user-action=ignore", "--no-compile", "--require-hashes", "--requirement", str(lock)],
    ]
    for command in commands:
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{lock.name}: not installed after {_INSTALL_SECONDS} s") from None
        if done.returncode:
            raise RuntimeError(f"{lock.name} could not be installed:\n{done.stdout.decode(errors='replace')}")
    (venv / _STAMP).write_text(stamp)


def _stamp(python: str, lock: Path) -> str:
    """What a virtual environment was made from; equal stamps need no new install."""
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {python}"


def _made_with(venv: Path) -> str:
    """The path of the Python that a virtual environment was made with; empty if it has not been made."""
    path = venv / _STAMP
    return path.read_text().partition(" ")[2] if path.exists() else ""


def _has(venv: Path, stamp: str) -> bool:
    path = venv / _STAMP
    return path.exists() and path.read_text() == stamp


def install(python: str, name: str) -> None:
    """Make the engine's and the project's virtual environments side by side, each only if its lock has changed.

    Args:
        python: path of the interpreter.
        name: of the project's lock file: `local` for what `make up` needs, `dev` for that and the tests.

    Raises:
        RuntimeError: an install failed or took too long; the text holds what pip said.
    """
    requirements = ROOT / "requirements"
    environments = {ENGINE_VENV: requirements / "engine.txt", PROJECT_VENV: requirements / f"{name}.txt"}
    if _has(PROJECT_VENV, _stamp(python, requirements / "dev.txt")):
        # What was installed for the tests serves `make up` too.
        del environments[PROJECT_VENV]
    wanted = {venv: lock for venv, lock in environments.items() if not _has(venv, _stamp(python, lock))}
    for venv, lock in wanted.items():
        print(f"installing {lock.relative_to(ROOT)} into {venv.relative_to(ROOT)}", flush=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        made = [pool.submit(_make_venv, python, venv, lock, _stamp(python, lock)) for venv, lock in wanted.items()]
    for future in made:
        future.result()


def install_tool(name: str) -> None:
    """Make the virtual environment of a tool, if its lock has changed.

    Args:
        name: of the tool and its lock file: moto, localstack, checkov or load.

    Raises:
        RuntimeError: the Python that it needs is not there, or the install failed or took too long.
    """
    version = _TOOL_PYTHON.get(name, PYTHON_VERSION)
    wanted = ".".join(str(part) for part in version)
    python = find_python(version)
    if python is None:
        raise RuntimeError(f"{name} needs Python {wanted}: pyenv install {wanted}, or uv python install {wanted}")
    lock, venv = ROOT / "requirements" / f"{name}.txt", TOOL_VENVS[name]
    stamp = _stamp(python, lock)
    if not _has(venv, stamp):
        print(f"installing {lock.relative_to(ROOT)} into {venv.relative_to(ROOT)}", flush=True)
        _make_venv(python, venv, lock, stamp)


def main(arguments: list[str]) -> int:
    """Check the machine; with `install local`, `install dev` or a tool's name, also make its virtual environments.

    With `test`, check it for `make test`.
    """
    lacking = missing(for_tests=arguments == ["test"])
    for item in lacking:
        print(f"missing: {item.what}\n  it {item.purpose}\n  get it: {item.remedy}", file=sys.stderr)
    python = find_python()
    if lacking or python is None:
        return 1
    if arguments[:1] == ["install"]:
        try:
            (install_tool if arguments[1] in TOOL_VENVS else partial(install, python))(arguments[1])
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
