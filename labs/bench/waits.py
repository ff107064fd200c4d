"""What a developer waits for: the stack up from nothing, again, changed, reset, down, from a snapshot; `make test`."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from labs.bench.report import Row, seconds
from localstack import processes
from localstack import stack as stacks
from release.packaging import build
from tooling import commands
from tooling.paths import ROOT

_FOLDER = ROOT / "build" / "bench" / "waits"
_HANDLER = Path("functions", "get_order", "handler.py")
# The copy links to this tree's environments.
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", ".terraform")


# Seconds.
_LIMITS = {
    "stack up, cold": 75,
    "stack up again": 15,
    "stack up, one handler changed": 3,
    "stack reset": 4,
    "stack down": 2,
    "stack up after down": 6,
    "stack up after kill -9 of the engine": 6,
}


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
    """Measure the stack of a copy of this tree, with a cache of its own."""
    figures: dict[str, list[float]] = {what: [] for what in _LIMITS}
    for number in range(rounds):
        for what, taken in _round(_copy(), str(number)):
            figures[what].append(taken)
    note = "packages are built and environments installed before; 55 s are the provider's wait for a bucket's lifecycle"
    for what, each in figures.items():
        yield Row("waits", what, "s", tuple(each), limit=_LIMITS[what], note=note if "cold" in what else "")


def _round(tree: Path, change: str) -> Iterator[tuple[str, float]]:
    shutil.rmtree(_FOLDER / "cache", ignore_errors=True)
    folder = _FOLDER / "stack"
    own = {**_outside(), "STACK_DIR": str(folder), "XDG_CACHE_HOME": str(_FOLDER / "cache")}

    def stack(*arguments: str) -> float:
        return command_seconds([sys.executable, "-m", "cli.ops", "stack", *arguments], tree, own)

    try:
        yield "stack up, cold", stack("up", "--free-ports")
        yield "stack up again", stack("up")
        (tree / _HANDLER).write_text(f"{(ROOT / _HANDLER).read_text()}\n# {change}\n")
        yield "stack up, one handler changed", stack("up")
        yield "stack reset", stack("reset")
        yield "stack down", stack("down")
        yield "stack up after down", stack("up")
        processes.kill([stacks.require(folder).running["engine"]])
        yield "stack up after kill -9 of the engine", stack("up")
    finally:
        stack("down")


def measure_tests(rounds: int) -> Iterator[Row]:
    """Measure `make test` in this tree, on a separate stack."""
    taken = tuple(command_seconds(["make", "test"], ROOT, _outside()) for _ in range(rounds))
    yield Row("tests", "`make test`", "s", taken, limit=480, note="environments are installed before")
