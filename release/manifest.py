"""Makes and verifies releases: `release.json` names each file of a release by digest (docs/release.md)."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConstrainedStr, Field, ValidationError

from common.models import invalid_fields
from release.packaging import build, isolation, libraries
from release.packaging.libraries import Architecture, Natives
from tooling import commands, docker
from tooling.cli import UserError
from tooling.paths import ROOT

NAME = "release.json"
_NOT_RELEASED = ("terraform/bootstrap/", "terraform/tests/")
_TOOL_SECONDS = 30
_SBOM_SECONDS = 120


class ManifestError(UserError):
    """A release cannot be made, or differs from its manifest; the text says what is wrong and what to do."""


class Sha256(ConstrainedStr):
    """A SHA-256 digest in hexadecimal."""

    regex = re.compile(r"^[0-9a-f]{64}\Z")


class Commit(ConstrainedStr):
    """Id of a git commit."""

    regex = re.compile(r"^[0-9a-f]{40}\Z")


class Strict(BaseModel):
    """Base of the records in a release bucket: immutable, without unknown fields."""

    class Config:
        extra = "forbid"
        allow_mutation = False


class File(Strict):
    """Digest and size in bytes of a file of the release."""

    sha256: Sha256
    size: int = Field(..., gt=0)


class Manifest(Strict):
    """The content of a release.

    Args:
        version: Version of this format.
        natives: Where Pango comes from: only with the Lambda image's can the release run in AWS.
        files: Packages, templates, Terraform code and the SBOM, by path in the release's folder.
        locks: Digest of each lock file of libraries and providers, by path in the repository.
        tools: Version of each tool that made it.
    """

    version: Literal["1"] = "1"
    commit: Commit
    architecture: Architecture
    natives: Natives
    files: dict[str, File]
    locks: dict[str, Sha256]
    tools: dict[str, str]

    def encode(self) -> bytes:
        """The bytes of `release.json`; equal manifests give equal bytes."""
        return (json.dumps(self.dict(), indent=2, sort_keys=True) + "\n").encode()

    def digest(self) -> Sha256:
        """The SHA-256 of the manifest, which names the release."""
        return _sha256(self.encode())


def _sha256(content: bytes) -> Sha256:
    return Sha256(hashlib.sha256(content).hexdigest())


def _output(*command: str) -> str:
    """What a program prints in the repository."""
    # Else Terraform asks HashiCorp for newer versions.
    variables = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=_TOOL_SECONDS
        )
    except FileNotFoundError:
        raise ManifestError(f"there is no {command[0]} on PATH: install it") from None
    if done.returncode:
        raise ManifestError(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _tracked(folder: str) -> list[str]:
    """The files of a folder in git, without documents, tests and the bootstrap of accounts."""
    names = _output("git", "ls-files", folder).splitlines()
    return [name for name in names if not name.startswith(_NOT_RELEASED) and not name.endswith(".md")]


def require_repository() -> None:
    """Raise ManifestError if this tree is not the root of a git repository, such as one unpacked inside another."""
    try:
        top = Path(_output("git", "rev-parse", "--show-toplevel"))
    except ManifestError:
        if (ROOT / ".git").exists():
            # Git says what is wrong with the repository, such as another owner, and what to do.
            raise
        raise ManifestError(f"{ROOT} is not a git repository: a release is made of a commit, so clone it") from None
    if top.resolve() != ROOT.resolve():
        raise ManifestError(f"{ROOT} is part of the git repository {top}: a release needs a clone of its own")


def head() -> tuple[Commit, bool]:
    """The current commit, and whether there are uncommitted changes."""
    return Commit(_output("git", "rev-parse", "HEAD")), bool(_changes())


def _changes() -> str:
    # A person's configuration may leave out new files.
    return _output("git", "status", "--porcelain", "--untracked-files=all")


def commit() -> Commit:
    """The current commit. Raises ManifestError: there are uncommitted changes, or this tree is no git repository."""
    require_repository()
    if changed := _changes():
        raise ManifestError(f"there are uncommitted changes; commit them first:\n{changed}")
    return Commit(_output("git", "rev-parse", "HEAD"))


def read_files(folder: Path) -> dict[str, File]:
    """The files of a release's folder, by path in it."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME):
        content = path.read_bytes()
        found[path.relative_to(folder).as_posix()] = File(sha256=_sha256(content), size=len(content))
    return found


def make(folder: Path, architecture: Architecture, natives: Natives) -> Manifest:
    """Make a release of the current commit in a folder, which is emptied first.

    Raises:
        ManifestError: there are uncommitted changes.
        BuildError: a package cannot be built or imported alone, or is over its budget.
        DockerError: Docker cannot build the libraries of the invoice.
    """
    source = commit()
    if natives == "lambda-image" and docker.LAMBDA.is_stand_in():
        natives = "stand-in"
    build.build_all(architecture, natives)
    isolation.import_all(build.packages_dir(architecture), architecture, natives)
    shutil.rmtree(folder, ignore_errors=True)
    packages = folder / "packages"
    packages.mkdir(parents=True)
    for function in build.function_names():
        shutil.copy(build.packages_dir(architecture) / f"{function}.zip", packages)
    for name in [*_tracked("templates"), *_tracked("terraform")]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    _write_sbom(folder / "sbom.json")
    locks = [*(f"requirements/{group.name}.txt" for group in libraries.GROUPS), "terraform/.terraform.lock.hcl"]
    manifest = Manifest(
        commit=source,
        architecture=architecture,
        natives=natives,
        files=read_files(folder),
        locks={name: _sha256((ROOT / name).read_bytes()) for name in locks},
        tools={
            "python": platform.python_version(),
            "uv": importlib.metadata.version("uv"),
            "terraform": json.loads(_output("terraform", "version", "-json"))["terraform_version"],
        },
    )
    (folder / NAME).write_bytes(manifest.encode())
    return manifest


def _write_sbom(target: Path) -> None:
    """Write the SBOM (CycloneDX) of the invoice package, which has the libraries of all packages; equal bytes."""
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "requirements", "requirements/invoice.txt"),
        *("--pyproject=pyproject.toml", "--output-reproducible", "--sv=1.6", "--of=JSON", f"--output-file={target}"),
    ]
    commands.run("write the SBOM", command, _SBOM_SECONDS, cwd=ROOT).checked()


def read(path: Path) -> Manifest:
    """Read a manifest from a file.

    Raises ManifestError: there is no file, or it is not a manifest; names every wrong field.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ManifestError(f"there is no {path}: run `make release`") from None
    return parse(content, str(path))


def parse(content: bytes, name: str) -> Manifest:
    """Parse a manifest; the name of its file is for the error.

    Raises ManifestError: it is not a manifest; names every wrong field.
    """
    try:
        return Manifest.parse_raw(content)
    except ValidationError as error:
        raise ManifestError(f"{name} is not a release manifest: {invalid_fields(error)}") from None


def verify(folder: Path) -> Manifest:
    """Compare every byte of a release's folder with its manifest.

    Raises ManifestError: a file differs, is missing, or is not in the manifest; names each.
    """
    manifest = read(folder / NAME)
    expected, present = manifest.files, read_files(folder)
    wrong = [f"{name} is missing" for name in sorted(expected.keys() - present.keys())]
    wrong += [f"{name} is not in the manifest" for name in sorted(present.keys() - expected.keys())]
    wrong += [
        f"{name} has digest {present[name].sha256}, the manifest says {expected[name].sha256}"
        for name in sorted(present.keys() & expected.keys())
        if present[name] != expected[name]
    ]
    if wrong:
        raise ManifestError("the folder differs from its manifest: " + "; ".join(wrong))
    return manifest
