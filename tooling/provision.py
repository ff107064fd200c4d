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
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import NamedTuple

TERRAFORM_NAME = "Terraform"
TERRAFORM = "1.11.4"
# HashiCorp's SHA256SUMS of this release, for the machines that we know.
TERRAFORM_SUMS = Path(__file__).with_name("terraform.sha256")
# Lines of a package manager, what is needed, and the packages that bring it; bin/.python reads it too.
_PACKAGES = Path(__file__).with_name("system-packages.txt")
_TERRAFORM_SOURCE = "https://releases.hashicorp.com/terraform"
# What goes into a user's home elsewhere, where that cannot be written.
LOCAL_CACHE = Path(__file__).resolve().parent.parent / "build" / "cache"
_DOWNLOAD_SECONDS = 300
_INSTALL_SECONDS = 1_200
_QUICK_SECONDS = 20
# Words before a package manager: sudo passes no variables on.
_SETTINGS = ("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")


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


def packages(need: str) -> dict[str, str]:
    """The names of the system packages that bring what is needed, such as pango, by package manager."""
    lines = [line.split(" ", 2) for line in _PACKAGES.read_text().splitlines()]
    return {manager: names for manager, what, names in lines if what == need}


def cache() -> Path:
    """The folder for what is downloaded once for all clones of a user."""
    return user_folder("XDG_CACHE_HOME", ".cache", "order-platform") or LOCAL_CACHE


def user_folder(variable: str, default: str, name: str) -> Path | None:
    """A folder in the place that a variable of the XDG specification gives, by default one in the user's home.

    None if it cannot be written, or the user has no home, as in a container that runs as any number.
    """
    given = Path(os.environ.get(variable, ""))
    try:
        # The specification says to ignore a relative one.
        folder = (given if given.is_absolute() else Path.home() / default) / name
        with tempfile.TemporaryFile(dir=next(filter(os.path.exists, (folder, *folder.parents)))):
            return folder
    except (OSError, RuntimeError):
        return None


def only_shows() -> bool:
    """Whether what is missing is only shown, since the user asked for that with INSTALL=0."""
    return os.environ.get("INSTALL") == "0"


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
    partial = program.with_name(f"terraform-{os.getpid()}")
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            partial.write_bytes(archive.read("terraform"))
        partial.chmod(0o755)
        partial.replace(program)
    except OSError as error:
        raise RuntimeError(f"{error}: make room, or set XDG_CACHE_HOME to a folder that you can write") from None


def install(missing: list[Missing], later: list[Missing] | None = None) -> list[Missing]:
    """Install what is missing, as far as it may; returns what must be installed by hand, and says how.

    Args:
        missing: What the machine lacks.
        later: What it will lack for another command: a line to paste has that too, so that there is only one.

    Raises RuntimeError: an installation failed; the text ends with what was printed.
    """
    for item in missing:
        print(f"missing: {item.what}: it {item.purpose}", file=sys.stderr, flush=True)
    manager, only_print = _manager(), only_shows()
    packaged = [item for item in missing if manager and manager.program in item.packages]
    terraform = [item for item in missing if item.what.startswith(TERRAFORM_NAME)]
    left = [item for item in missing if item not in packaged and item not in terraform]
    for item in left:
        print(f"  {item.what}: {item.remedy}", file=sys.stderr)
    # First, since a download needs CA certificates, and may fail: the line with everything is printed all the same.
    if manager and packaged:
        before = _root_words() if manager.needs_root else []
        if before is None:
            _print_line(manager, packaged + [item for item in later or [] if manager.program in item.packages])
            left += packaged
        for line in [] if before is None else _lines(manager, _names(manager, packaged)):
            if only_print:
                print(f"would be installed by: {line}", file=sys.stderr)
            else:
                print(f"installing system packages: {line}", flush=True)
                _run([*(before or []), *_SETTINGS, *shlex.split(line)])
    if terraform:
        source = f"Terraform {TERRAFORM} from {_terraform_address()[0]} into {cache()}"
        if only_print:
            print(f"would be downloaded: {source}; or {terraform[0].remedy}", file=sys.stderr)
        else:
            print(f"installing {source}", flush=True)
            _download_terraform()
    return list(missing) if only_print else left


def _names(manager: _Manager, items: list[Missing]) -> list[str]:
    return [name for item in items for name in item.packages[manager.program].split()]


def _print_line(manager: _Manager, items: list[Missing]) -> None:
    line = " && ".join(f"sudo {line}" for line in _lines(manager, _names(manager, items)))
    print(f"Paste this line, then run the command again:\n  {line}", file=sys.stderr)


def _run(command: list[str]) -> None:
    try:
        subprocess.check_output(command, stderr=subprocess.STDOUT, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        printed = getattr(error, "output", None) or b""
        text = re.sub(r"\n+", "\n", printed.decode(errors="replace"))[-4_000:]
        raise RuntimeError(f"{error}\n{text}") from None
