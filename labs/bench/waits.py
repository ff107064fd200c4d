"""What a developer waits for: `make up` cold, again, and with one handler changed; `make test`."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from labs.bench.rows import Row
from localstack import processes
from release.packaging import build
from tooling import commands
from tooling.paths import ROOT

_FOLDER = ROOT / "build" / "bench" / "waits"
_HANDLER = Path("functions", "get_order", "handler.py")
_PORTS = ("PORT", "CART_PORT", "SMTP_PORT", "CONSOLE_PORT")
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


def measure(rounds: int) -> Iterator[Row]:
    """Measure `make up` in a copy of this tree, and `make test` in this tree, each on a stack of its own.

    Raises:
        CommandError: a command failed; the text ends with its output.
    """
    tree = _copy()
    outside = {name: value for name, value in commands.environment_without_make().items() if name != "STACK_DIR"}
    ports = {name: str(processes.free_port()) for name in _PORTS}
    own = {**outside, **ports, "STACK_DIR": str(_FOLDER / "stack")}

    def make(target: str, environment: dict[str, str], folder: Path) -> float:
        began = time.monotonic()
        commands.run(f"make {target}", ["make", target], 1_800, environment, cwd=folder).checked()
        return time.monotonic() - began

    cold, again, changed, test = list[float](), list[float](), list[float](), list[float]()
    for number in range(rounds):
        try:
            cold.append(make("up", own, tree))
            again.append(make("up", own, tree))
            (tree / _HANDLER).write_text(f"{(ROOT / _HANDLER).read_text()}\n# {number}\n")
            changed.append(make("up", own, tree))
        finally:
            make("down", own, tree)
        test.append(make("test", outside, ROOT))
    note = "packages are built and environments installed before; 55 s are the provider's wait for a bucket's lifecycle"
    yield Row("waits", "`make up`, cold", "s", tuple(cold), limit=75, note=note)
    yield Row("waits", "`make up` again", "s", tuple(again), limit=15)
    yield Row("waits", "`make up`, one handler changed", "s", tuple(changed), limit=3)
    yield Row("waits", "`make test`", "s", tuple(test), limit=480, note="environments are installed before")
