"""Builds one zip per function: its own modules, the libraries of its group, bytecode of both, templates (R9)."""

import fcntl
import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import grimp
from tenacity import Retrying, stop_after_delay, wait_fixed

from release.packaging import bytecode
from tooling import docker
from tooling.cli import UserError
from tooling.paths import ROOT

PACKAGES = ROOT / "build" / "packages"
_LIBRARIES = ROOT / "build" / "libraries"

# The Python runtime of Lambda brings the SDK and what it needs (docs/decisions/0003-packages.md).
_IN_THE_RUNTIME = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
# Zip knows no time before 1980; one fixed time makes equal content equal bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_PIP_DEADLINE_SECONDS = 600
_LOCK_DEADLINE_SECONDS = 900
_INDEX = "Libraries come from PyPI, or from what PIP_INDEX_URL names: see that it answers, and try again."
_DOCKER_DEADLINE_SECONDS = 900
# What AWS unpacks of a package, whatever its zip has (R9).
_UNPACKED_BUDGET = 250_000_000

Architecture = Literal["arm64", "x86_64"]
# Where the libraries are that draw the invoice: in its package, from the Lambda image, or on the machine that runs it.
Natives = Literal["lambda-image", "host"]


class BuildError(UserError):
    """A package could not be built; the text says why."""


@dataclass(frozen=True)
class Group:
    """Libraries that several functions share.

    Args:
        name: of its lock file in requirements/, without the ending.
        pure: whether compiled modules are left out, so that the package is the same bytes on every architecture.
        templates: folders of templates/ that go into the package.
        budget: bytes that a package may have, zipped (R9: an upload takes at most 50 MB).
    """

    name: str
    pure: bool
    templates: tuple[str, ...]
    budget: int


_API = Group("functions", pure=True, templates=(), budget=3_000_000)
_MAIL = Group("mail", pure=True, templates=("customer", "internal", "mail"), budget=3_500_000)
_INVOICE = Group("invoice", pure=False, templates=("invoice",), budget=50_000_000)
GROUPS = (_API, _MAIL, _INVOICE)


def function_names() -> list[str]:
    """The folders in functions/ that hold a handler."""
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))


def modules_of(function: str) -> set[str]:
    """The modules of this project that a function's handler imports, directly or not.

    Raises:
        BuildError: a module is not Python; names the file and the line.
    """
    try:
        graph = grimp.build_graph("common", "functions", cache_dir=None)
    except grimp.exceptions.SourceSyntaxError as error:
        _parse(Path(error.filename))
        raise BuildError(f"{_shown(Path(error.filename))}:{error.lineno}: invalid syntax") from None
    handler = f"functions.{function}.handler"
    return {handler} | graph.find_upstream_modules(handler)


def _shown(path: Path) -> str:
    """A file of this tree, for people."""
    return str(path.resolve().relative_to(ROOT))


def _parse(path: Path) -> None:
    """Check that a file is Python: what is not would be found out by the first call.

    Raises:
        BuildError: it is not; names the file and the line.
    """
    try:
        compile(path.read_bytes(), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise BuildError(f"{_shown(path)}:{error.lineno}: {error.msg}") from None


def _group(modules: set[str]) -> Group:
    """The group of a function that imports these modules."""
    if "common.invoice" in modules:
        return _INVOICE
    return _MAIL if "common.templates" in modules else _API


def group_of(function: str) -> Group:
    """The group of a function.

    Raises:
        BuildError: a module is not Python; names the file and the line.
    """
    return _group(modules_of(function))


def _source_files(modules: set[str]) -> Iterator[Path]:
    """The files of modules and of the packages that they are in."""
    packages = {parent for module in modules for parent in _parents(module)}
    for module in sorted(modules | packages):
        path = ROOT.joinpath(*module.split("."))
        yield path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for depth in range(1, len(parts)):
        yield ".".join(parts[:depth])


def _template_files(group: Group) -> Iterator[Path]:
    for folder in group.templates:
        yield from sorted(path for path in (ROOT / "templates" / folder).rglob("*") if path.is_file())


def _lock(group: Group) -> Path:
    return ROOT / "requirements" / f"{group.name}.txt"


def _digest(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def _compiler() -> bytes:
    """What bytecode is made by."""
    return sys.version.encode() + Path(bytecode.__file__).read_bytes()


def _requirements(lock: Path) -> dict[str, str]:
    """The requirements in a lock by name."""
    found: dict[str, str] = {}
    for block in lock.read_text().replace("\\\n", " ").splitlines():
        if "==" in block:
            found[block.partition("==")[0].partition("[")[0].strip().lower()] = block
    return found


def runtime_libraries() -> Path:
    """A folder with the SDK and what else the runtime brings, in the versions that the tests use."""
    wanted = {
        name: block
        for name, block in _requirements(ROOT / "requirements" / "local.txt").items()
        if name in _IN_THE_RUNTIME
    }
    target = _LIBRARIES / f"runtime-{_digest(_compiler(), *(block.encode() for block in wanted.values()))[:16]}"
    with _alone():
        if not target.exists():
            partial = Path(tempfile.mkdtemp(prefix="runtime-", dir=_LIBRARIES))
            _pip(partial, wanted)
            bytecode.add(partial)
            partial.rename(target)
    return target


def machine_of(architecture: Architecture) -> str:
    """Linux's name of an architecture."""
    return {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]


def _platform_options(architecture: Architecture | None) -> list[str]:
    """pip's options for Lambda's Amazon Linux 2023 (glibc 2.34) on an architecture; none for this machine."""
    if architecture is None:
        return []
    tags = [f"manylinux_2_{minor}_{machine_of(architecture)}" for minor in (34, 28, 17)]
    return ["--python-version=3.12", "--implementation=cp", *(f"--platform={tag}" for tag in tags)]


def _natives_digest() -> str:
    """What the libraries from the Lambda image are made of; the architecture apart."""
    recipe = [ROOT / "release" / "packaging" / name for name in ("natives.Dockerfile", "natives.py")]
    return _digest(docker.IMAGE.encode(), *(path.read_bytes() for path in recipe))[:16]


def _native_libraries(architecture: Architecture) -> Path:
    """A folder with Pango and what it needs in `lib/`, from the Lambda image of an architecture."""
    target = _LIBRARIES / f"natives-{architecture}-{_natives_digest()}"
    if target.exists():
        return target
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    recipe = ROOT / "release" / "packaging"
    docker.run(
        f"the {architecture} libraries of the invoice were not built",
        *("build", docker.platform(architecture), f"--build-arg=IMAGE={docker.IMAGE}"),
        *(f"--file={recipe / 'natives.Dockerfile'}", f"--output=type=local,dest={partial}", str(recipe)),
        seconds=_DOCKER_DEADLINE_SECONDS,
    )
    partial.rename(target)
    return target


def _libraries(group: Group, architecture: Architecture | None) -> Path:
    """A zip with a group's libraries, made if its lock has changed; every package of the group begins with it."""
    kind = f"{group.name}-{architecture or 'host'}"
    target = (
        _LIBRARIES / f"{kind}-{_digest(_lock(group).read_bytes(), Path(__file__).read_bytes(), _compiler())[:16]}.zip"
    )
    if target.exists():
        return target
    for old in _LIBRARIES.glob(f"{kind}-*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    partial = target.with_suffix(".partial")
    with tempfile.TemporaryDirectory(prefix="install-", dir=_LIBRARIES) as folder:
        _install(group, architecture, Path(folder))
        bytecode.add(Path(folder))
        partial.unlink(missing_ok=True)
        _zip(partial, _files_in(Path(folder)))
    partial.rename(target)
    return target


def _install(group: Group, architecture: Architecture | None, target: Path) -> None:
    """Install a group's libraries into a folder, without what no function needs."""
    requirements = {name: block for name, block in _requirements(_lock(group)).items() if name not in _IN_THE_RUNTIME}
    # pydantic's wheel for a platform is compiled; the one for any platform is the pure one that R9 asks for.
    _pip(target, {"pydantic": requirements.pop("pydantic")}, "--platform=any")
    _pip(target, requirements, *_platform_options(architecture))
    for leftover in [*target.rglob("__pycache__"), *target.glob("*.dist-info"), *target.glob("bin")]:
        shutil.rmtree(leftover)
    for path in target.rglob("*"):
        if path.suffix in {".pyi", ".c", ".pxd"} or (group.pure and path.suffix == ".so"):
            path.unlink()


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other builds in this folder waiting.

    Raises:
        BuildError: another build has not ended in time.
    """
    _LIBRARIES.mkdir(parents=True, exist_ok=True)
    with (_LIBRARIES / "lock").open("w") as lock:
        try:
            for attempt in Retrying(stop=stop_after_delay(_LOCK_DEADLINE_SECONDS), wait=wait_fixed(0.1), reraise=True):
                with attempt:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BuildError(
                f"another build has not ended in {_LOCK_DEADLINE_SECONDS} s: end it, and try again"
            ) from None
        yield


def pip_version() -> str:
    """The version of the pip that installs the libraries."""
    return importlib.metadata.version("pip")


def _pip(target: Path, requirements: dict[str, str], *options: str) -> None:
    lock = target.with_suffix(".txt")
    lock.write_text("\n".join(requirements.values()) + "\n")
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--no-compile"),
        *("--only-binary=:all:", "--disable-pip-version-check", "--root-user-action=ignore"),
        *(f"--target={target}", f"--requirement={lock}", *options),
    ]
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_PIP_DEADLINE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BuildError(
            f"pip did not finish in {_PIP_DEADLINE_SECONDS} s: {' '.join(requirements)}\n{_INDEX}"
        ) from error
    finally:
        lock.unlink()
    if result.returncode:
        raise BuildError(f"pip could not install {', '.join(requirements)}:\n{result.stderr}\n{_INDEX}")


def packages_dir(architecture: Architecture | None = None) -> Path:
    """Where the packages for an architecture are; None is for the local stack on this machine."""
    return PACKAGES if architecture is None else PACKAGES.with_name(f"packages-{architecture}")


def build(function: str, architecture: Architecture | None = None, natives: Natives = "host") -> bool:
    """Build a function's package unless its inputs are those of the last build.

    Args:
        function: its folder's name.
        architecture: that it is for; None for this machine.
        natives: whether the libraries that draw the invoice go into its package.

    Returns:
        Whether it was built.

    Raises:
        BuildError: a module is not Python, a library could not be installed, or the package is over its budget.
        BytecodeError: a module could not be compiled.
        DockerError: the libraries from the Lambda image could not be built.
    """
    modules = modules_of(function)
    group = _group(modules)
    files = [*_source_files(modules), *_template_files(group)]
    contents = [part for path in files for part in (str(path.relative_to(ROOT)).encode(), path.read_bytes())]
    native = architecture if natives == "lambda-image" and not group.pure else None
    recipe = _natives_digest().encode() if native else b""
    inputs = _digest(Path(__file__).read_bytes(), _compiler(), _lock(group).read_bytes(), recipe, *contents)
    packages = packages_dir(architecture)
    package, stamp = packages / f"{function}.zip", packages / f"{function}.inputs"
    if package.exists() and stamp.exists() and stamp.read_text() == inputs:
        return False
    for path in files:
        if path.suffix == ".py":
            _parse(path)
    packages.mkdir(parents=True, exist_ok=True)
    partial = package.with_suffix(".partial")
    shutil.copyfile(_libraries(group, architecture), partial)
    with tempfile.TemporaryDirectory(prefix="own-", dir=_LIBRARIES) as folder:
        _stage(files, Path(folder))
        _zip(partial, _files_in(Path(folder)))
    if native:
        _zip(partial, _files_in(_native_libraries(native)))
    with zipfile.ZipFile(partial) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > _UNPACKED_BUDGET:
        raise BuildError(
            f"{function}.zip has {unpacked} bytes unpacked; AWS takes at most {_UNPACKED_BUDGET}: leave a library out"
        )
    size = partial.stat().st_size
    if size > group.budget:
        raise BuildError(
            f"{function}.zip has {size} bytes; the budget of {group.name} packages is {group.budget}: "
            "leave a library out"
        )
    partial.rename(package)
    stamp.write_text(inputs)
    return True


def _stage(files: list[Path], folder: Path) -> None:
    """Copy files of this tree into a folder, and compile what is Python."""
    for path in files:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    bytecode.add(folder)


def _files_in(folder: Path) -> dict[str, Path]:
    """The files below a folder, by their path in it."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def _zip(target: Path, entries: dict[str, Path]) -> None:
    """Add files to a zip by name, or make it."""
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, entries[name].read_bytes())


def build_all(architecture: Architecture | None = None, natives: Natives = "host") -> list[str]:
    """Build every package whose inputs changed.

    Args:
        architecture: that they are for; None for this machine.
        natives: whether the libraries that draw the invoice go into its package.

    Returns:
        The names of the functions that were built.

    Raises:
        BuildError: a module is not Python, a library could not be installed, or a package is over its budget; or the
            libraries of the invoice are to come from the Lambda image, and no Docker engine answers.
        BytecodeError: a module could not be compiled.
        DockerError: those libraries could not be built.
    """
    if natives == "lambda-image" and not docker.answers():
        raise BuildError(
            "the invoice's package takes Pango from the Lambda image, and no Docker engine answers: start Docker, or "
            "leave Pango out (--host-pango, with make HOST_PANGO=1), which is for the local stack and not for AWS"
        )
    with _alone():
        with ThreadPoolExecutor(max_workers=3) as pool:
            list(pool.map(lambda group: _libraries(group, architecture), GROUPS))
        return [name for name in function_names() if build(name, architecture, natives)]
