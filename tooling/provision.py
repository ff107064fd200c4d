"""Gets what a machine lacks: system packages where it may, and Terraform from a pinned release.

Runs with any Python from 3.8 and its standard library alone. It prints what it is going to install, and where, before
it does; with INSTALL=0 in the environment it only prints. Where it may not install, one line does it all.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from typing import NamedTuple

TERRAFORM = "1.11.4"
# HashiCorp's SHA256SUMS of this release, for the machines that we know.
TERRAFORM_SUMS = Path(__file__).with_name("terraform.sha256")
_TERRAFORM_SOURCE = "https://releases.hashicorp.com/terraform"
_DOWNLOAD_SECONDS = 300
_INSTALL_SECONDS = 1_200
_QUICK_SECONDS = 20


class Missing(NamedTuple):
    """Something that the machine lacks: its name, what it does, and how to get it by hand."""

    what: str
    purpose: str
    remedy: str
    # Names of the system packages that bring it, by package manager; none if it is no system package.
    packages: dict[str, str]


class _Manager(NamedTuple):
    """A package manager, and the shell commands that install packages with it."""

    program: str
    commands: tuple[str, ...]
    needs_root: bool


_MANAGERS = (
    _Manager("apt-get", ("apt-get update -qq", "apt-get install -y -qq --no-install-recommends {}"), True),
    _Manager("dnf", ("dnf install -y -q {}",), True),
    _Manager("brew", ("brew install --quiet {}",), False),
)


def cache() -> Path:
    """The folder for what is downloaded once for all clones of a user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "order-platform"


def _root_words() -> list[str] | None:
    """What to put before a command that needs root; None if this user cannot become root without a password."""
    if os.geteuid() == 0:
        return []
    asked = ["sudo", "-n", "true"]
    try:
        done = subprocess.run(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_QUICK_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ["sudo", "-n"] if done.returncode == 0 else None


def _manager() -> _Manager | None:
    return next((each for each in _MANAGERS if shutil.which(each.program)), None)


def _lines(manager: _Manager, packages: list[str]) -> list[str]:
    return [command.format(" ".join(shlex.quote(name) for name in packages)) for command in manager.commands]


def _terraform_address() -> tuple[str, str]:
    """Where Terraform for this machine is downloaded from, and the SHA-256 of that file.

    TERRAFORM_MIRROR names another place with the same files. Raises RuntimeError: there is no release for the machine.
    """
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    system = platform.system().lower()
    name = f"terraform_{TERRAFORM}_{system}_{machine}.zip"
    digests = {file: digest for digest, file in map(str.split, TERRAFORM_SUMS.read_text().splitlines())}
    if name not in digests:
        raise RuntimeError(f"Terraform for {system} on {machine} is not known here: install it by hand")
    source = os.environ.get("TERRAFORM_MIRROR") or _TERRAFORM_SOURCE
    return f"{source.rstrip('/')}/{TERRAFORM}/{name}", digests[name]


def terraform_program() -> Path:
    """Where the downloaded Terraform is, or will be."""
    return cache() / f"terraform-{TERRAFORM}" / "terraform"


def _download_terraform() -> None:
    address, expected = _terraform_address()
    try:
        # The address is HashiCorp's, or of the mirror that the user gives.
        with urllib.request.urlopen(address, timeout=_DOWNLOAD_SECONDS) as response:  # noqa: S310  # nosec B310
            content: bytes = response.read()
    except OSError as error:
        raise RuntimeError(f"Terraform cannot be downloaded from {address}: {error}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise RuntimeError(f"{address} is not the pinned release: its SHA-256 is {found}, not {expected}")
    program = terraform_program()
    program.parent.mkdir(parents=True, exist_ok=True)
    partial = program.with_name(f"terraform-{os.getpid()}")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        partial.write_bytes(archive.read("terraform"))
    partial.chmod(0o755)
    partial.replace(program)


def install(missing: list[Missing]) -> list[Missing]:
    """Install what is missing, as far as it may; returns what must be installed by hand, and says how.

    Raises RuntimeError: an installation failed; the text ends with what was printed.
    """
    for item in missing:
        print(f"missing: {item.what}: it {item.purpose}", file=sys.stderr, flush=True)
    manager = _manager()
    packaged = [item for item in missing if manager and manager.program in item.packages]
    names = [name for item in packaged if manager for name in item.packages[manager.program].split()]
    terraform = [item for item in missing if item.what.startswith("Terraform")]
    left = [item for item in missing if item not in packaged and item not in terraform]
    if os.environ.get("INSTALL") == "0":
        left = list(missing)
    else:
        for _ in terraform:
            print(f"installing Terraform {TERRAFORM} from {_terraform_address()[0]} into {cache()}", flush=True)
            _download_terraform()
        before = _root_words() if manager and manager.needs_root else []
        if manager and packaged and before is None:
            left += packaged
        elif manager and packaged:
            for line in _lines(manager, names):
                print(f"installing system packages: {line}", flush=True)
                _run([*(before or []), *shlex.split(line)])
    for item in left:
        if item not in packaged:
            print(f"  {item.what}: {item.remedy}", file=sys.stderr)
    if manager and any(item in packaged for item in left):
        sudo = "sudo " if manager.needs_root and os.geteuid() else ""
        line = " && ".join(sudo + line for line in _lines(manager, names))
        print(f"Paste this line, then run the command again:\n  {line}", file=sys.stderr)
    return left


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        subprocess.check_output(command, env=environment, stderr=subprocess.STDOUT, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        printed = getattr(error, "output", None) or b""
        text = re.sub(r"\n+", "\n", printed.decode(errors="replace"))[-4_000:]
        raise RuntimeError(f"{error}\n{text}") from None
