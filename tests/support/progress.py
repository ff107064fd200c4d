"""Shows how far the parts are while they run: a line for each below the output, or a line now and then without one."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

# Where there is no terminal.
_EVERY_SECONDS = 15
# How many tests pytest runs, alone or in workers: "collected 30 items / 3 deselected / 27 selected".
_COUNT = re.compile(r"^collected (?:.* (?=\d+ selected$))?(\d+) |^\d+ workers \[(\d+) items?\]$")
# A character for each test that ended; at the end of a line pytest says which percentage that is. Without workers the
# file's name comes first.
_ENDED = re.compile(r"^(?:\S+\.py )?([.FEsxX]+)(?: *\[ *\d+%\])?$")
_BAR_WIDTH = 24


@dataclass
class _Part:
    steps: int
    began: float
    done: int = 0
    step: str = ""
    tests: int = 0
    # Tests of whole lines, and those of the line that pytest is writing.
    ended: int = 0
    ending: int = 0
    seconds: float | None = None
    passed: bool = True

    def share(self) -> float:
        """How much of it has run, from 0 to 1: as if all its steps took the same time."""
        of_step = min((self.ended + self.ending) / self.tests, 1) if self.tests else 0
        return min((self.done + of_step) / self.steps, 1) if self.steps else 0

    def text(self) -> str:
        """How far it is, in a few words."""
        if self.seconds is not None:
            return f"{'passed' if self.passed else 'FAILED'} after {self.seconds:.0f} s"
        tests = f", {self.ended + self.ending} of {self.tests} tests" if self.tests else ""
        return f"{100 * self.share():.0f} %, {time.monotonic() - self.began:.0f} s: {self.step}{tests}"


class Progress:
    """How far each part is.

    Args:
        console: Where it is shown.
        every: Seconds between the lines, where there is no terminal.
    """

    def __init__(self, console: Console, every: float = _EVERY_SECONDS) -> None:
        self._console = console
        self._every = every
        self._parts: dict[str, _Part] = {}
        self._lock = RLock()
        self._live = Live(self, console=console, refresh_per_second=4, transient=True)
        self._ended = Event()
        self._thread = Thread(target=self._print_lines, daemon=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._thread.join()

    def begin(self, part: str, steps: int) -> None:
        """A part with this many steps begins."""
        with self._lock:
            self._parts[part] = _Part(steps, time.monotonic())

    def step(self, part: str, number: int, command: Sequence[str]) -> None:
        """A step of a part begins; the first has the number 0."""
        with self._lock:
            state = self._parts[part]
            state.done, state.step, state.tests, state.ended, state.ending = number, _short(command), 0, 0, 0

    def line(self, part: str, line: str, whole: bool = True) -> None:
        """A step printed a line, or the beginning of one; pytest's lines say how much of it has run."""
        with self._lock:
            state = self._parts[part]
            if found := _COUNT.match(line):
                state.tests = int(found[1] or found[2])
            elif (found := _ENDED.match(line)) and state.tests:
                state.ending = 0 if whole else len(found[1])
                state.ended += len(found[1]) if whole else 0

    def end(self, part: str, passed: bool) -> None:
        """A part ended."""
        with self._lock:
            state = self._parts[part]
            state.seconds, state.passed = time.monotonic() - state.began, passed

    def _print_lines(self) -> None:
        while not self._ended.wait(self._every):
            with self._lock:
                running = [f"{name} {part.text()}" for name, part in self._parts.items() if part.seconds is None]
            if running:
                self._console.print(f"progress   │ {' · '.join(running)}")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines below the output."""
        table = Table.grid(padding=(0, 1))
        with self._lock:
            for name, part in self._parts.items():
                colour = "" if part.seconds is None else "green" if part.passed else "red"
                share = 1 if part.seconds is not None and part.passed else part.share()
                table.add_row(name, ProgressBar(1, share, _BAR_WIDTH), Text(part.text(), colour, no_wrap=True))
        yield table


def _short(command: Sequence[str]) -> str:
    """A command as people know it, without its options."""
    words = [word.rpartition("/")[2] for word in command if not word.startswith("-")]
    return " ".join(words[:3])
