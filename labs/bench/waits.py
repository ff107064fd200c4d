"""What a developer waits for: the stack up from nothing, again, and with one handler changed; `make test`."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from labs.bench.report import Row
from release.packaging import build
from tooling import commands
from tooling.paths import ROOT

_FOLDER = ROOT / "build" / "bench" / "waits"
_HANDLER = Path("functions", "get_order", "handler.py")
# What tools have made; the copy links to this tree's environments, or makes its own.
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", ".terraform")


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


def _seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Seconds that a command takes; CommandError if it failed."""
    began = time.monotonic()
    commands.run(" ".join(command), command, 1_800, environment, cwd=folder).checked()
    return time.monotonic() - began


def measure(rounds: int) -> Iterator[Row]:
    """Measure the stack of a copy of this tree, and `make test` in this tree, on a separate stack."""
    tree, stack = _copy(), [sys.executable, "-m", "cli.ops", "stack"]
    outside = {name: value for name, value in os.environ.items() if name != "STACK_DIR"}
    own = {**outside, "STACK_DIR": str(_FOLDER / "stack")}
    cold, again, changed, test = list[float](), list[float](), list[float](), list[float]()
    for number in range(rounds):
        try:
            for taken in (cold, again, changed):
                if taken is changed:
                    (tree / _HANDLER).write_text(f"{(ROOT / _HANDLER).read_text()}\n# {number}\n")
                taken.append(_seconds([*stack, "up", "--free-ports"], tree, own))
        finally:
            _seconds([*stack, "down"], tree, own)
        test.append(_seconds(["make", "test"], ROOT, outside))
    note = "packages are built and environments installed before; 55 s are the provider's wait for a bucket's lifecycle"
    yield Row("waits", "stack up, cold", "s", tuple(cold), limit=75, note=note)
    yield Row("waits", "stack up again", "s", tuple(again), limit=15)
    yield Row("waits", "stack up, one handler changed", "s", tuple(changed), limit=3)
    yield Row("waits", "`make test`", "s", tuple(test), limit=480, note="environments are installed before")
