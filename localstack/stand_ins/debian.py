"""The root file system of an image, from Debian's packages, with the addresses and settings of this machine's apt."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tooling import commands
from tooling.cli import UserError

SUITE = "trixie"
_SECONDS = 900
_LIST_SECONDS = 60
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
# The folder of packages that are downloaded, not installed.
DOWNLOADED = "/opt/packages"


def architecture() -> str:
    """Debian's name of this machine's architecture."""
    return commands.run("dpkg", ["dpkg", "--print-architecture"], _LIST_SECONDS).checked().strip()


def _sources() -> list[str]:
    """Lines of a sources.list for the suite: where this machine's apt gets Debian from."""
    listed = commands.run(
        "the package lists of apt",
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        _LIST_SECONDS,
    ).checked()
    lines = []
    for origin, codename, url in (line.split() for line in sorted(set(listed.splitlines())) if line.count(" ") == 2):
        _, _, part = codename.partition("-")
        if origin == "Debian" and part in ("", "security", "updates"):
            lines.append(f"deb {url} {'-'.join(filter(None, (SUITE, part)))} main")
    return lines


def root(target: Path, packages: Sequence[str], downloaded: Sequence[str] = ()) -> None:
    """Write a root file system with these packages into a tar file; `downloaded` ones lie in it, not installed.

    Raises:
        UserError: this machine is not Debian, or lacks mmdebstrap or the rights for it.
        CommandError: a package cannot be downloaded.
    """
    if shutil.which("apt-get") is None or not (sources := _sources()):
        raise UserError("the images are made on Debian 12 or later, from the packages of its apt: there is none here")
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        raise UserError("as root, run: apt-get install mmdebstrap; then make the images, as root")
    options = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    # Java's package links its manual.
    hooks = ['--essential-hook=mkdir -p "$1"/usr/share/man/man1']
    if downloaded:
        folder = f'"$1"{DOWNLOADED}'
        get = f"apt-get install --yes --download-only -o Dir::Cache::archives={folder} {' '.join(downloaded)}"
        hooks += [
            f"--customize-hook=mkdir -p {folder}/partial && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG {get}",
            f"--customize-hook=rm -r {folder}/partial {folder}/lock",
        ]
    # Addresses and certificates of this machine stay here.
    hooks.append('--customize-hook=find "$1"/etc/apt -type f ! -name 00mmdebstrap -delete')
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", *options, *hooks]
    command += [f"--include={','.join(packages)}", SUITE, str(target), *sources]
    commands.run("download Debian", command, _SECONDS, os.environ | {"SOURCE_DATE_EPOCH": "0"}).checked()
