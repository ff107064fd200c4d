"""What a developer waits for `make up`: cold, again, with one handler changed; and what the provider waits anyway."""

import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from labs.bench.rows import Row
from localstack import processes, terraform
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack
from release.packaging import build
from tooling import commands
from tooling.paths import ROOT

_FOLDER = ROOT / "build" / "bench" / "harness"
_FLOOR = ROOT / "labs" / "bench" / "floor"
_HANDLER = Path("functions", "get_order", "handler.py")
_PORTS = ("PORT", "CART_PORT", "SMTP_PORT", "CONSOLE_PORT")
_DEADLINE_SECONDS = 1_800
# What a tool has made; a copy has its own, or those of this tree by a link.
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", ".terraform")


def timed(name: str, command: list[str], environment: dict[str, str], directory: Path) -> float:
    """Seconds that a command takes.

    Raises:
        CommandError: it failed, or took too long.
    """
    started = time.monotonic()
    commands.run(name, command, _DEADLINE_SECONDS, environment, cwd=directory).checked()
    return time.monotonic() - started


class _Tree:
    """A copy of this tree, with a stack of its own: what is changed in it is nobody's work."""

    def __init__(self) -> None:
        self._folder = _FOLDER / "tree"
        self._environment = {
            **commands.outside_make(),
            **{name: str(processes.free_port()) for name in _PORTS},
            "STACK_DIR": str(_FOLDER / "stack"),
        }
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(ROOT, self._folder, ignore=_NOT_COPIED)
        (self._folder / "build").mkdir()
        for name in (".venv", "build/engine-venv"):
            (self._folder / name).symlink_to(ROOT / name)
        build.build_all()
        for name in ("libraries", "packages"):
            shutil.copytree(ROOT / "build" / name, self._folder / "build" / name)

    def make(self, target: str) -> float:
        """Seconds that a target of make takes."""
        return timed(f"make {target}", ["make", target], self._environment, self._folder)

    def change_handler(self, number: int) -> None:
        """Save a handler with a change."""
        (self._folder / _HANDLER).write_text(f"{(ROOT / _HANDLER).read_text()}\n# {number}\n")


def _floor() -> float:
    """Seconds that Terraform takes to make one of each resource on a new engine."""
    folder = _FOLDER / "floor"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_FLOOR, folder / "code")
    shutil.copy(terraform.TERRAFORM_DIR / ".terraform.lock.hcl", folder / "code")
    package = folder / "empty.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("floor.py", "")
    stack = Stack(folder, ports={use: processes.free_port() for use in ("engine", "smtp")})
    environment = terraform.environment(folder) | stack.aws_environment()
    engine = MiniStack()
    engine.start(stack)
    try:
        timed("terraform init", ["terraform", "init", "-lockfile=readonly"], environment, folder / "code")
        apply = ["terraform", "apply", "-auto-approve", "-parallelism=40", f"-var=package={package}"]
        return timed("terraform apply", apply, environment, folder / "code")
    finally:
        engine.stop(stack)


def measure(rounds: int) -> Iterator[Row]:
    """Times of `make up`: of a stack that is not there, of one that is, and of one whose tree has a changed handler.

    Packages are built and virtual environments made before.

    Args:
        rounds: each from no stack to a changed handler, beside an apply of the floor.

    Raises:
        CommandError: one of the commands failed.
    """
    tree = _Tree()
    floor, cold, again, handler = list[float](), list[float](), list[float](), list[float]()
    for number in range(rounds):
        floor.append(_floor())
        try:
            cold.append(tree.make("up"))
            again.append(tree.make("up"))
            tree.change_handler(number)
            handler.append(tree.make("up"))
        finally:
            tree.make("down")
    yield Row(
        part="harness",
        what="`make up`, cold",
        unit="s",
        ours=tuple(cold),
        beside="an apply of one of each resource",
        floor=tuple(floor),
        limit=1.3,
        note="packages are built and virtual environments made before; of the floor only Terraform's apply is counted",
    )
    yield Row(part="harness", what="`make up` again", unit="s", ours=tuple(again), limit=15)
    yield Row(part="harness", what="`make up`, one handler changed", unit="s", ours=tuple(handler), limit=3)
