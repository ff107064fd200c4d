"""The libraries of the packages: locked versions installed with uv, compiled, and zipped once for each group."""

import hashlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tooling import commands, docker, locks, machine
from tooling.cli import UserError
from tooling.paths import ROOT

LIBRARIES = ROOT / "build" / "libraries"
_HERE = Path(__file__).parent
# The Python runtime of Lambda has the SDK and what it needs (docs/decisions/0003-packages.md).
_IN_THE_RUNTIME = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
# Zip has no times before 1980; one fixed time makes equal content equal bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_INSTALL_SECONDS = 600
_COMPILE_SECONDS = 300
_LOCK_SECONDS = 900
_DOCKER_SECONDS = 900

Architecture = Literal["arm64", "x86_64"]
# Linux's names of the architectures.
MACHINES: dict[Architecture, str] = {"arm64": "aarch64", "x86_64": "x86_64"}
# Where Pango comes from: the Lambda image or its stand-in, then it is in the invoice's package; or the machine that
# runs it.
Natives = Literal["lambda-image", "stand-in", "host"]


class BuildError(UserError):
    """A package cannot be built; the text says why and what to do."""


@dataclass(frozen=True)
class Group:
    """Libraries that several functions share, by the name of their lock file in requirements/.

    Args:
        pure: Whether compiled modules are left out, so that the package is the same bytes on every architecture.
        templates: Folders of templates/ that go into the package.
        budget: Bytes that a zipped package may have; an upload takes at most 50 MB.
    """

    name: str
    pure: bool
    templates: tuple[str, ...]
    budget: int

    @property
    def lock_file(self) -> Path:
        """The file with the locked versions."""
        return ROOT / "requirements" / f"{self.name}.txt"


API = Group("functions", pure=True, templates=(), budget=3_000_000)
MAIL = Group("mail", pure=True, templates=("customer", "internal", "mail"), budget=3_500_000)
INVOICE = Group("invoice", pure=False, templates=("invoice",), budget=50_000_000)
GROUPS = (API, MAIL, INVOICE)


def digest(*contents: bytes) -> str:
    """The SHA-256 of several contents, each with its length."""
    found = hashlib.sha256()
    for content in contents:
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()


def recipe() -> bytes:
    """What a package is made by, besides its inputs: the code of the build, and the compiler of the bytecode."""
    return sys.version.encode() + b"".join((_HERE / f"{n}.py").read_bytes() for n in ("build", "libraries"))


def files_below(folder: Path) -> dict[str, Path]:
    """The files below a folder, by their path in it."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def add_to_zip(target: Path, entries: dict[str, Path]) -> None:
    """Append files to a zip, by name: sorted and with one fixed time and mode, so that equal inputs are equal bytes."""
    with zipfile.ZipFile(target, "a") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, entries[name].read_bytes())


def add_bytecode(folder: Path) -> None:
    """Compile every module below a folder into its `__pycache__`: Lambda would compile them at each cold start.

    Equal sources give equal bytes in any folder: paths are relative, and bytecode names its source by hash (PEP 552),
    which Python does not check again. One new process compiles all, because earlier compilations of a process change
    the bytes.

    Raises:
        BuildError: a module cannot be compiled; the text says which one, and why.
        CommandError: compiling takes too long.
    """
    command = [
        *(sys.executable, "-S", "-s", "-P", "-m", "compileall", "-q", "-f"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder)),
    ]
    done = commands.run("compile modules", command, _COMPILE_SECONDS, {"PYTHONHASHSEED": "0"})
    if done.status:
        printed = done.output[-2_000:].replace(f"{folder}/", "")
        raise BuildError(f"a module cannot be compiled: fix it, or leave its library out:\n{printed}")


@contextmanager
def exclusive() -> Iterator[None]:
    """Make other builds in this folder wait. Raises BuildError: another build does not end in time."""
    busy = BuildError(f"another build has not ended after {_LOCK_SECONDS} s: stop it, and try again")
    with locks.exclusive(LIBRARIES / "lock", _LOCK_SECONDS, busy):
        yield


def zipped(group: Group, architecture: Architecture | None) -> Path:
    """A zip with a group's libraries, made if its lock file has changed; each package of the group starts with it.

    Raises BuildError: a library cannot be installed, or one of its modules cannot be compiled.
    """
    kind = f"{group.name}-{architecture or 'host'}"
    target = LIBRARIES / f"{kind}-{digest(group.lock_file.read_bytes(), recipe())[:16]}.zip"
    if target.exists():
        return target
    for old in LIBRARIES.glob(f"{kind}-*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    partial = target.with_suffix(".partial")
    with tempfile.TemporaryDirectory(prefix="install-", dir=LIBRARIES) as name:
        folder = Path(name)
        requirements = _requirements(group.lock_file)
        # pydantic 1.10.18 has compiled wheels up to Python 3.12: only its pure wheel fits 3.13.
        _install(folder, [requirements.pop("pydantic")], "--python-version=3.13")
        options = []
        if architecture:
            # Amazon Linux 2023 has glibc 2.34.
            options = [f"--python-platform={MACHINES[architecture]}-manylinux_2_34", "--python-version=3.12"]
        _install(folder, list(requirements.values()), *options)
        _drop_unused(folder, group)
        add_bytecode(folder)
        partial.unlink(missing_ok=True)
        add_to_zip(partial, files_below(folder))
    partial.rename(target)
    return target


def runtime_libraries() -> Path:
    """A folder with the SDK and what else the Lambda runtime has, in the versions that the tests use.

    Raises BuildError: a library cannot be installed.
    """
    found = _requirements(ROOT / "requirements" / "local.txt", of_the_runtime=True).values()
    target = LIBRARIES / f"runtime-{digest(recipe(), *(line.encode() for line in found))[:16]}"
    with exclusive():
        if not target.exists():
            partial = Path(tempfile.mkdtemp(prefix="runtime-", dir=LIBRARIES))
            _install(partial, list(found))
            add_bytecode(partial)
            partial.rename(target)
    return target


def natives_digest() -> str:
    """The digest of what the libraries from the Lambda image are made from; the same for each architecture."""
    recipes = [(_HERE / name).read_bytes() for name in ("natives.Dockerfile", "natives.py")]
    return digest(docker.LAMBDA.content().encode(), *recipes)[:16]


def native_libraries(architecture: Architecture) -> Path:
    """A folder with Pango and what it needs in `lib/`, from the Lambda image of an architecture.

    Raises DockerError: Docker cannot build them.
    """
    target = LIBRARIES / f"natives-{architecture}-{natives_digest()}"
    if target.exists():
        return target
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    docker.run(
        f"the {architecture} libraries of the invoice were not built",
        *("build", docker.platform(architecture), f"--build-arg=IMAGE={docker.LAMBDA.name()}"),
        *(f"--file={_HERE / 'natives.Dockerfile'}", f"--output=type=local,dest={partial}", str(_HERE)),
        seconds=_DOCKER_SECONDS,
    )
    partial.rename(target)
    return target


def _requirements(lock_file: Path, of_the_runtime: bool = False) -> dict[str, str]:
    """The locked requirements by name: those that a package needs, or those that the Lambda runtime has."""
    lines = lock_file.read_text().replace("\\\n", " ").splitlines()
    found = {line.partition("==")[0].partition("[")[0].lower(): line for line in lines}
    return {name: line for name, line in found.items() if (name in _IN_THE_RUNTIME) is of_the_runtime}


def _install(target: Path, requirements: list[str], *options: str) -> None:
    lock_file = target.with_suffix(".txt")
    lock_file.write_text("\n".join(requirements) + "\n")
    command = [
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
        *("--only-binary=:all:", "--link-mode=copy", f"--python={sys.executable}", f"--target={target}"),
        *(f"--requirement={lock_file}", *options),
    ]
    done = commands.run("install libraries", command, _INSTALL_SECONDS, machine.uv_environment())
    lock_file.unlink()
    if done.status:
        raise BuildError(f"uv cannot install the libraries:\n{done.output}{machine.INDEX_ADVICE}")


def _drop_unused(folder: Path, group: Group) -> None:
    """Remove what no function needs from a folder of libraries."""
    (folder / ".lock").unlink(missing_ok=True)
    for leftover in [*folder.rglob("__pycache__"), *folder.glob("*.dist-info"), *folder.glob("bin")]:
        shutil.rmtree(leftover)
    for path in folder.rglob("*"):
        if path.suffix in {".pyi", ".c", ".pxd"} or (group.pure and path.suffix == ".so"):
            path.unlink()
