"""What a developer waits for: the stack up from nothing, again, and with one handler changed, and `make test`."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from labs.bench.report import Row, seconds
from release.packaging import build
from tooling import commands
from tooling.paths import ROOT

_FOLDER = ROOT / "build" / "bench" / "waits"
_HANDLER = Path("functions", "get_order", "handler.py")
# The copy links to this tree's environments.
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", ".terraform")


def _outside() -> dict[str, str]:
    """The environment without the bench's own stack."""
    return {name: value for name, value in os.environ.items() if name != "STACK_DIR"}


def _copy() -> Path:
    """A copy of this tree with built packages, in which a handler can be changed."""
    tree = _FOLDER / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=_NOT_COPIED)
    (tree / "build").mkdir()
    for name in (".venv", "build/engine-venv"):
        (tree / name).symlink_to(ROOT / name)
    build.build_all()
    for name in ("libraries", "packages"):
        shutil.copytree(ROOT / "build" / name, tree / "build" / name)
    return tree


def command_seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Seconds that a command takes; CommandError if it failed."""
    return seconds(lambda: commands.run(" ".join(command), command, 1_800, environment, cwd=folder).checked())


def measure(rounds: int) -> Iterator[Row]:
    """Measure the stack of a copy of this tree."""
    tree, stack = _copy(), [sys.executable, "-m", "cli.ops", "stack"]
    own = {**_outside(), "STACK_DIR": str(_FOLDER / "stack")}
    note = "packages are built and environments installed before; 55 s are the provider's wait for a bucket's lifecycle"
    limits = {"stack up, cold": 75, "stack up again": 15, "stack up, one handler changed": 3}
    figures: dict[str, list[float]] = {what: [] for what in limits}
    for number in range(rounds):
        try:
            for what, taken in figures.items():
                if "changed" in what:
                    (tree / _HANDLER).write_text(f"{(ROOT / _HANDLER).read_text()}\n# {number}\n")
                taken.append(command_seconds([*stack, "up", "--free-ports"], tree, own))
        finally:
            command_seconds([*stack, "down"], tree, own)
    for what, taken in figures.items():
        yield Row("waits", what, "s", tuple(taken), limit=limits[what], note=note if "cold" in what else "")


def measure_tests(rounds: int) -> Iterator[Row]:
    """Measure `make test` in this tree, on a separate stack."""
    taken = tuple(command_seconds(["make", "test"], ROOT, _outside()) for _ in range(rounds))
    yield Row("tests", "`make test`", "s", taken, limit=480, note="environments are installed before")
