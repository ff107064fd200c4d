"""The packages that a stack runs: those of a release, or built from this tree for where its functions run.

In LocalStack's containers they are the packages that AWS gets, with the invoice's own libraries; elsewhere functions
are processes, and the invoice uses this machine's.
"""

from pathlib import Path

from localstack.stack import Stack, StackError
from release import manifest
from release.packaging import build, isolation
from release.packaging.libraries import Architecture, BuildError, runtime_libraries
from tooling import docker
from tooling.docker import DockerError
from tooling.paths import ROOT


def in_containers(stack: Stack) -> bool:
    """Whether the functions run in containers of Lambda's image."""
    return stack.engine == "localstack"


def _architecture(stack: Stack) -> Architecture | None:
    """What the packages of this tree are built for; None for this machine."""
    return docker.architecture() if in_containers(stack) else None


def require_release(release: Path, engine: str) -> None:
    """Raise UserError if a release is not whole, or its invoice cannot run on an engine."""
    found = manifest.verify(release)
    if engine == "localstack" and found.natives == "host":
        raise StackError(f"{release} was made with --host-pango, and containers have no Pango: run `make release`")


def build_all(stack: Stack) -> list[str]:
    """Build what has changed, and return the functions that were built; nothing if the stack runs a release."""
    if stack.release:
        return []
    return build.build_all(_architecture(stack), "lambda-image" if in_containers(stack) else "host")


def package(stack: Stack, function: str) -> Path:
    """The package of a function."""
    folder = Path(stack.release, "packages") if stack.release else build.packages_dir(_architecture(stack))
    return folder / f"{function}.zip"


def variables(stack: Stack) -> list[str]:
    """Terraform's variables of the packages, as options."""
    found = ["-var=packages_dir=../packages", "-var=templates_dir=../templates"] if stack.release else []
    if not in_containers(stack):
        return found
    if stack.release:
        return [*found, f"-var=architecture={manifest.read(Path(stack.release, manifest.NAME)).architecture}"]
    architecture = docker.architecture()
    folder = build.packages_dir(architecture).relative_to(ROOT)
    return [f"-var=architecture={architecture}", f"-var=packages_dir=../{folder}"]


def import_error(stack: Stack, function: str) -> str | None:
    """Why a package cannot be imported alone where it runs; None if it can."""
    path, architecture = package(stack, function), _architecture(stack)
    try:
        if architecture:
            isolation.load_in_image(path, architecture)
        else:
            isolation.load(path, runtime_libraries())
    except (BuildError, DockerError) as error:
        return str(error)
    return None
