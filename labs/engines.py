"""`bin/ops lab engines`: the local engines side by side, each with a stack of its own (docs/engines.md)."""

import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from labs.bench.placing import place
from labs.bench.report import machine, page, seconds, text
from labs.bench.waits import command_seconds
from labs.processes import engine_memory
from localstack import engines, processes
from localstack import stack as stacks
from localstack.stack import Stack
from localstack.up import console, display_path, step
from tooling.paths import ROOT

FOLDER: Final = ROOT / "build" / "engines"
# Orders one after the other, and at once.
_ORDERS, _BURST = 9, 50
_SECONDS = 300


def run(names: Sequence[str]) -> None:
    """Measure engines, print the table and write it into build/engines. UserError: one could not be measured."""
    columns = []
    for name in names:
        with step(f"engine {name}"):
            columns.append(dict(_measure(name)))
    written = table(names, columns)
    (FOLDER / "table.md").write_text(written)
    console.print(written, markup=False, soft_wrap=True)
    console.print(f"table.md is in {display_path(FOLDER)}", soft_wrap=True)


def table(names: Sequence[str], columns: Sequence[dict[str, str]]) -> str:
    """The figures as a Markdown table, an engine in each column."""
    rows = [(what, *(column[what] for column in columns)) for what in columns[0]]
    return page(f"Measured {machine()}", ("", *names), rows, ())


def _measure(name: str) -> Iterator[tuple[str, str]]:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    yield "the engine starts", text(_start(name, folder / "engine"), "s")
    # A cache of its own has no snapshot yet.
    own = {**os.environ, "STACK_DIR": str(folder / "stack"), "XDG_CACHE_HOME": str(folder / "cache")}

    def stack(*arguments: str) -> str:
        return text(command_seconds([sys.executable, "-m", "cli.ops", "stack", *arguments], ROOT, own), "s")

    def up() -> str:
        return stack("up", "--engine", name, "--free-ports")

    try:
        yield "`make up`, the first", up()
        yield "`make up` again", up()
        yield from _orders(stacks.require(folder / "stack"))
        yield "`make down`", stack("down")
        yield "`make up` after it", up()
    finally:
        stack("down")


def _start(name: str, folder: Path) -> float:
    """Seconds until an engine without anything in it responds."""
    engine = engines.choose(name)
    uses = ("engine", "smtp", *(() if engine.has_cognito else ("issuer",)))
    stack = Stack(folder, engine=name, ports={use: processes.free_port() for use in uses})
    try:
        return seconds(lambda: engine.start(stack))
    finally:
        engine.stop(stack)


def _orders(stack: Stack) -> Iterator[tuple[str, str]]:
    yield "the first order, to its last mail", text(place(stack, 1, _SECONDS), "s")
    warm = [place(stack, 1, _SECONDS) for _ in range(_ORDERS)]
    yield f"an order after it, median of {_ORDERS}", text(statistics.median(warm), "s")
    yield f"{_BURST} orders at once, to the last mail", text(place(stack, _BURST, _SECONDS), "s")
    yield "memory of engine and functions then", f"{engine_memory(stack) / 2**20:,.0f} MB"
