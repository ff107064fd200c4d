"""Builds one zip for each function: its own modules, the libraries of its group, bytecode of both, templates."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grimp

from release.packaging import libraries
from release.packaging.libraries import Architecture, BuildError, Group, Natives
from tooling import docker
from tooling.paths import ROOT

PACKAGES = ROOT / "build" / "packages"
# AWS unpacks no more than this, whatever the size of the zip.
_UNPACKED_BUDGET = 250_000_000
_TEMPLATE_SUFFIXES = {".html", ".txt", ".css", ".conf", ".ttf"}


def function_names() -> list[str]:
    """The folders in functions/ that hold a handler."""
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))


def packages_dir(architecture: Architecture | None = None) -> Path:
    """The folder of the packages for an architecture; None is this machine's, for the local stack."""
    return PACKAGES if architecture is None else PACKAGES.with_name(f"packages-{architecture}")


def modules_of(function: str) -> set[str]:
    """The modules of this project that a function's handler imports, directly or not.

    Raises BuildError: a module is not Python; names the file and the line.
    """
    try:
        graph = grimp.build_graph("common", "functions", cache_dir=None)
    except grimp.exceptions.SourceSyntaxError as error:
        _parse(Path(error.filename))
        raise BuildError(f"{_relative(Path(error.filename))}:{error.lineno}: invalid syntax") from None
    handler = f"functions.{function}.handler"
    return {handler} | graph.find_upstream_modules(handler)


def build(function: str, architecture: Architecture | None = None, natives: Natives = "host") -> bool:
    """Build a function's package as `build_all` does; returns whether its inputs had changed, and so it was built."""
    modules = modules_of(function)
    group = _group(modules)
    files = [*_source_files(modules), *_template_files(group)]
    contents = [part for path in files for part in (_relative(path).encode(), path.read_bytes())]
    native = architecture if natives != "host" and not group.pure else None
    natives_digest = libraries.natives_digest().encode() if native else b""
    inputs = libraries.digest(libraries.recipe(), group.lock_file.read_bytes(), natives_digest, *contents)
    packages = packages_dir(architecture)
    package, stamp = packages / f"{function}.zip", packages / f"{function}.inputs"
    if package.exists() and stamp.exists() and stamp.read_text() == inputs:
        return False
    packages.mkdir(parents=True, exist_ok=True)
    partial = package.with_suffix(".partial")
    shutil.copyfile(libraries.zipped(group, architecture), partial)
    with tempfile.TemporaryDirectory(prefix="own-", dir=libraries.LIBRARIES) as folder:
        _stage(files, Path(folder))
        libraries.add_to_zip(partial, libraries.files_below(Path(folder)))
    if native:
        libraries.add_to_zip(partial, libraries.files_below(libraries.native_libraries(native)))
    _check_size(partial, function, group)
    partial.rename(package)
    stamp.write_text(inputs)
    return True


def build_all(architecture: Architecture | None = None, natives: Natives = "host") -> list[str]:
    """Build every package whose inputs have changed, for this machine if no architecture is given.

    Returns:
        The names of the functions whose packages were built.

    Raises:
        BuildError: a module is not Python or cannot be compiled, a library cannot be installed, a package is over its
            budget, or Pango must come from the Lambda image and no Docker engine with buildx responds.
        DockerError: Docker cannot build the libraries of the Lambda image.
    """
    if natives != "host":
        if not docker.can_build():
            raise BuildError(
                "the invoice's package takes Pango from the Lambda image, and no Docker engine with buildx responds: "
                "start Docker, install docker-buildx (Debian 13, Ubuntu) or docker-buildx-plugin (Docker's packages), "
                "or leave Pango out with --host-pango, which is for the local stack and not for AWS"
            )
        if docker.LAMBDA.is_stand_in() and architecture != docker.architecture():
            raise BuildError(f"the stand-in for Lambda's image is for {docker.architecture()} only: build for that")
    with libraries.exclusive():
        with ThreadPoolExecutor(max_workers=3) as pool:
            list(pool.map(lambda group: libraries.zipped(group, architecture), libraries.GROUPS))
        return [name for name in function_names() if build(name, architecture, natives)]


def _group(modules: set[str]) -> Group:
    if "common.invoice" in modules:
        return libraries.INVOICE
    return libraries.MAIL if "common.templates" in modules else libraries.API


def _relative(path: Path) -> str:
    return str(path.resolve().relative_to(ROOT))


def _parse(path: Path) -> None:
    try:
        compile(path.read_bytes(), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise BuildError(f"{_relative(path)}:{error.lineno}: {error.msg}") from None


def _source_files(modules: set[str]) -> Iterator[Path]:
    """The files of modules and of the packages that contain them."""
    packages = {".".join(parts[:depth]) for m in modules for parts in [m.split(".")] for depth in range(1, len(parts))}
    for module in sorted(modules | packages):
        path = ROOT.joinpath(*module.split("."))
        yield path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _template_files(group: Group) -> Iterator[Path]:
    """The templates of a group, without what editors and file managers leave next to them."""
    for folder in group.templates:
        found = (ROOT / "templates" / folder).rglob("*")
        yield from sorted(path for path in found if path.suffix in _TEMPLATE_SUFFIXES or path.name == "LICENSE")


def _stage(files: list[Path], folder: Path) -> None:
    """Copy files of this repository into a folder, and compile those that are Python."""
    for path in files:
        if path.suffix == ".py":
            # Otherwise the first call of the function would find the error.
            _parse(path)
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    libraries.add_bytecode(folder)


def _check_size(package: Path, function: str, group: Group) -> None:
    with zipfile.ZipFile(package) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    size, problem = package.stat().st_size, None
    if unpacked > _UNPACKED_BUDGET:
        problem = f"{unpacked} bytes unpacked; AWS takes at most {_UNPACKED_BUDGET}"
    elif size > group.budget:
        problem = f"{size} bytes; the budget of {group.name} packages is {group.budget}"
    if problem:
        raise BuildError(f"{function}.zip has {problem}: leave a library out")
