"""Runs the parts of the tests: commands one after the other, parts at the same time, output as it comes."""

import codecs
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from rich.console import Console
from rich.text import Text

from tests.support.progress import Progress
from tooling import commands
from tooling.paths import ROOT

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
# Pytest's own summary, such as "== 812 passed, 3 skipped in 61.20s ==".
_CLOSING_LINE = re.compile(r"^=+ .*\d+ \w+.* in [\d.]+s.* =+$")
# A line of pytest's short summary, such as "FAILED tests/unit/test_money.py::test_round - assert 1 == 2".
_FAILED_TEST = re.compile(r"^(?:FAILED|ERROR) \S+\.py\b")
# Failed tests of a part that the summary names: the first ones say what is wrong.
_MAX_FAILED_TESTS = 20
_NICE = ("nice", "-n", "10")
# Sets up what the tests need.
MACHINE = ("python3", "tooling/machine.py")
_CHUNK = 1 << 16

console = Console(highlight=False, emoji=False, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class Step:
    """A command of a part.

    Args:
        command: The program and its arguments.
        hint: What to do when it fails.
        folder: Folder that it runs in.
        environment: Its environment variables; those of this process if None.
        passes: Exit statuses that count as passed.
        always: Whether it runs even though an earlier step failed.
    """

    command: Sequence[str]
    hint: str = ""
    folder: Path = ROOT
    environment: Mapping[str, str] | None = None
    passes: tuple[int, ...] = (0,)
    always: bool = False


def tool(name: str, *arguments: str, hint: str = "", environment: Mapping[str, str] | None = None) -> Step:
    """A step that runs a program of the virtual environment."""
    return Step([str(ROOT / ".venv" / "bin" / name), *arguments], hint, environment=environment)


@dataclass
class Result:
    """How a part ended.

    Args:
        part: Name of the part.
        seconds: How long it took.
        status: Exit status of the step that failed; 0 if none did.
        closing_lines: The last line of each run of pytest.
        failed_tests: The lines in which pytest names the tests that failed.
        hint: What to do; empty if it passed.
    """

    part: str
    seconds: float = 0
    status: int = 0
    closing_lines: list[str] = field(default_factory=list)
    failed_tests: list[str] = field(default_factory=list)
    hint: str = ""

    def lines(self) -> Iterator[str]:
        """What pytest said in the end: its closing lines, and which tests failed."""
        yield from self.closing_lines
        yield from self.failed_tests[:_MAX_FAILED_TESTS]
        if (more := len(self.failed_tests) - _MAX_FAILED_TESTS) > 0:
            yield f"… and {more} more of {self.part}"


class Parts:
    """Runs parts, and keeps their results.

    Args:
        prefixed: Whether each line of the output begins with the name of its part. Otherwise the commands have the
            terminal for themselves.
        report: Where output goes.
    """

    def __init__(self, prefixed: bool, report: Console = console) -> None:
        self._prefixed = prefixed
        self._report = report
        self._lock = Lock()
        self._colours: dict[str, str] = {}
        self._progress = Progress(report)
        self.results: list[Result] = []

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show how far the parts are while they run."""
        with self._progress:
            yield

    def run(self, part: str, steps: Callable[[], Sequence[Step]], nice: bool = False) -> bool:
        """Run the steps of a part up to the first that fails; return whether all passed.

        Args:
            part: Name of the part.
            steps: Makes its steps.
            nice: Whether other processes go first.
        """
        self._colours.setdefault(part, _COLOURS[len(self._colours) % len(_COLOURS)])
        result, began = Result(part), time.monotonic()
        chosen = steps()
        self._progress.begin(part, len(chosen))
        for number, step in enumerate(chosen):
            if result.status and not step.always:
                continue
            self._progress.step(part, number, step.command)
            command = [*_NICE, *step.command] if nice else list(step.command)
            if self._prefixed:
                status = self._stream(result, command, step)
            else:
                status = commands.run_on_terminal(command, step.environment, step.folder)
            if status not in step.passes and not result.status:
                result.status, result.hint = status, step.hint
        result.seconds = time.monotonic() - began
        self._progress.end(part, not result.status)
        with self._lock:
            self.results.append(result)
        if result.hint:
            self._print(part, f"next: {result.hint}")
        return not result.status

    def _stream(self, result: Result, command: list[str], step: Step) -> int:
        with subprocess.Popen(
            command,
            cwd=step.folder,
            # Each line is to appear when it is printed, and pytest's summary is recognized without colours.
            env={
                **(os.environ if step.environment is None else step.environment),
                "PYTHONUNBUFFERED": "1",
                "PY_COLORS": "0",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            decoder, line = codecs.getincrementaldecoder("utf-8")("replace"), ""
            while process.stdout and (chunk := os.read(process.stdout.fileno(), _CHUNK)):
                *whole, line = (line + decoder.decode(chunk)).split("\n")
                for text in whole:
                    self._show(result, text.rstrip())
                self._progress.line(result.part, line, whole=False)
            if line:
                self._show(result, line.rstrip())
        return process.returncode

    def _show(self, result: Result, line: str) -> None:
        if _CLOSING_LINE.match(line):
            result.closing_lines.append(line)
        elif _FAILED_TEST.match(line):
            result.failed_tests.append(line)
        self._progress.line(result.part, line)
        self._print(result.part, line)

    def _print(self, part: str, line: str) -> None:
        with self._lock:
            if self._prefixed:
                self._report.print(Text(f"{part:<11}│ ", style=self._colours[part]) + Text(line))
            else:
                self._report.print(line)

    def summarise(self) -> int:
        """Print each part's result and time, pytest's closing lines and failed tests; return the exit status."""
        if self._prefixed:
            self._report.print()
            for line in (line for result in self.results for line in result.lines()):
                self._report.print(line)
            for result in self.results:
                verdict = Text("FAILED", style="red") if result.status else Text("passed", style="green")
                hint = f"   next: {result.hint}" if result.hint else ""
                self._report.print(Text(f"{result.part:<11} ") + verdict + Text(f" {result.seconds:6.1f} s{hint}"))
        return next((1 for result in self.results if result.status), 0)
