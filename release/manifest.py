"""`release.json`: what a release is made of, by digest (docs/release.md)."""

import hashlib
import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConstrainedStr, Field, ValidationError

from release.packaging import build, isolation, libraries, sbom
from release.packaging.libraries import Architecture, Natives
from tooling.cli import UserError
from tooling.paths import ROOT

NAME = "release.json"
_NOT_RELEASED = ("terraform/bootstrap/", "terraform/tests/")
_TOOL_SECONDS = 30


class ManifestError(UserError):
    """A release cannot be made or trusted; the text says what is wrong and what to do."""


class Sha256(ConstrainedStr):
    """A SHA-256 digest in hexadecimal."""

    regex = re.compile(r"^[0-9a-f]{64}\Z")


class Commit(ConstrainedStr):
    """A commit's id in git."""

    regex = re.compile(r"^[0-9a-f]{40}\Z")


class Strict(BaseModel):
    """Base of what is written and read: immutable, unknown fields refused."""

    class Config:
        extra = "forbid"
        allow_mutation = False


class File(Strict):
    """A file of the release: its digest, and its size in bytes."""

    sha256: Sha256
    size: int = Field(..., gt=0)


class Manifest(Strict):
    """What a release is made of.

    Args:
        version: of this form.
        commit: that it was made from.
        architecture: that compiled libraries are for.
        natives: where the libraries are that draw the invoice: from the Lambda image in its package, or on a host.
        files: packages, templates, Terraform code and the SBOM, by their path in the release's folder.
        locks: digest of each lock, by its path in the repository: libraries and Terraform's providers.
        tools: version of each tool that made it.
    """

    version: Literal["1"] = "1"
    commit: Commit
    architecture: Architecture
    natives: Natives
    files: dict[str, File]
    locks: dict[str, Sha256]
    tools: dict[str, str]

    def encode(self) -> bytes:
        """The manifest as the bytes of `release.json`; equal manifests are equal bytes."""
        return (json.dumps(self.dict(), indent=2, sort_keys=True) + "\n").encode()

    def digest(self) -> str:
        """The SHA-256 that names the release."""
        return _sha256(self.encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=_TOOL_SECONDS
    )
    if done.returncode:
        raise ManifestError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _tracked(folder: str) -> list[str]:
    """The files of a folder that git knows, but those that only a person or a test reads or applies."""
    names = _git("ls-files", folder).splitlines()
    return [name for name in names if not name.startswith(_NOT_RELEASED) and not name.endswith(".md")]


def _terraform_version() -> str:
    done = subprocess.run(
        ["terraform", "version", "-json"], capture_output=True, text=True, check=True, timeout=_TOOL_SECONDS
    )
    version: str = json.loads(done.stdout)["terraform_version"]
    return version


def head() -> tuple[Commit, bool]:
    """The commit that is checked out, and whether the tree has changes that are not committed."""
    return Commit(_git("rev-parse", "HEAD")), bool(_git("status", "--porcelain"))


def commit() -> Commit:
    """The commit that is checked out.

    Raises:
        ManifestError: the tree has changes that are not committed.
    """
    changed = _git("status", "--porcelain")
    if changed:
        raise ManifestError(f"there are changes that are not committed; commit them first:\n{changed}")
    return Commit(_git("rev-parse", "HEAD"))


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / NAME:
            yield path.relative_to(folder).as_posix()


def _file(path: Path) -> File:
    content = path.read_bytes()
    return File(sha256=Sha256(_sha256(content)), size=len(content))


def make(folder: Path, architecture: Architecture, natives: Natives) -> Manifest:
    """Make a release of the commit that is checked out; what was in the folder is replaced.

    Raises:
        ManifestError: the tree has changes that are not committed.
        BuildError: a package could not be built or imported alone, or is over its budget.
        DockerError: the libraries of the invoice could not be built.
    """
    source = commit()
    build.build_all(architecture, natives)
    isolation.import_all(build.packages_dir(architecture), architecture, natives)
    shutil.rmtree(folder, ignore_errors=True)
    packages = folder / "packages"
    packages.mkdir(parents=True)
    for function in build.function_names():
        shutil.copyfile(build.packages_dir(architecture) / f"{function}.zip", packages / f"{function}.zip")
    for name in [*_tracked("templates"), *_tracked("terraform")]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    sbom.write(folder / "sbom.json")
    locks = [*(f"requirements/{group.name}.txt" for group in libraries.GROUPS), "terraform/.terraform.lock.hcl"]
    manifest = Manifest(
        commit=source,
        architecture=architecture,
        natives=natives,
        files={name: _file(folder / name) for name in _files(folder)},
        locks={name: Sha256(_sha256((ROOT / name).read_bytes())) for name in locks},
        tools={
            "python": platform.python_version(),
            "uv": importlib.metadata.version("uv"),
            "terraform": _terraform_version(),
        },
    )
    (folder / NAME).write_bytes(manifest.encode())
    return manifest


def read(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        ManifestError: there is none, or it is not of the form; names every wrong field.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ManifestError(f"there is no {path}: run `make release`") from None
    return parse(content, str(path))


def parse(content: bytes, name: str) -> Manifest:
    """The manifest in some bytes.

    Args:
        content: of the file.
        name: of it, for the error.

    Raises:
        ManifestError: it is not of the form; names every wrong field.
    """
    try:
        return Manifest.parse_raw(content)
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ManifestError(f"{name} is not a release manifest: {fields}") from None


def verify(folder: Path) -> Manifest:
    """Compare every byte of a release's folder with its manifest.

    Raises:
        ManifestError: a file differs, is missing, or is one too many; names each.
    """
    manifest = read(folder / NAME)
    there = set(_files(folder))
    wrong = [f"{name} is missing" for name in sorted(manifest.files.keys() - there)]
    wrong += [f"{name} is not in the manifest" for name in sorted(there - manifest.files.keys())]
    for name in sorted(there & manifest.files.keys()):
        found = _file(folder / name)
        if found != manifest.files[name]:
            wrong.append(f"{name} has digest {found.sha256}, the manifest says {manifest.files[name].sha256}")
    if wrong:
        raise ManifestError("this is not the release that was made: " + "; ".join(wrong))
    return manifest
