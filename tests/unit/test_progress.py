"""How far the parts are, while they run."""

import io
import re
import sys

import pytest
from rich.console import Console

from tests.support.parts import Parts, Step
from tests.support.progress import Progress
from tooling.polling import poll


def _shown(progress: Progress) -> str:
    """The lines below the output."""
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(progress)
    return console.export_text()


@pytest.fixture
def progress() -> Progress:
    """The progress of two parts: pytest with 40 tests is the second of two steps, and lint has begun."""
    progress = Progress(Console(file=io.StringIO()))
    progress.begin("e2e", 2)
    progress.step("e2e", 0, ["/x/python", "-m", "cli.ops", "stack", "up"])
    progress.step("e2e", 1, ["/x/.venv/bin/pytest", "e2e", "--target", "local"])
    progress.line("e2e", "4 workers [40 items]")
    progress.begin("lint", 4)
    progress.step("lint", 1, ["/x/.venv/bin/ruff", "format", "--check", "."])
    return progress


def test_each_part_has_its_share(progress: Progress) -> None:
    """A part is as far as its steps, and as the tests of the step that runs."""
    progress.line("e2e", "....F..s.. [ 25%]")
    assert re.search(r"e2e .* 62 %, 0 s: pytest e2e local, 10 of 40 tests", _shown(progress))
    assert re.search(r"lint .* 25 %, 0 s: ruff format \.", _shown(progress))


def test_tests_count_without_workers(progress: Progress) -> None:
    """Without workers, pytest puts the name of the file before the dots."""
    progress.line("e2e", "e2e/test_calls.py ..                                                     [  5%]")
    progress.line("e2e", "e2e/test_canary.py .", whole=False)
    assert "3 of 40 tests" in _shown(progress)


def test_tests_count_when_they_end(progress: Progress) -> None:
    """Pytest's dots count before their line is whole, and only once."""
    progress.line("e2e", "...", whole=False)
    progress.line("e2e", "......", whole=False)
    assert "6 of 40 tests" in _shown(progress)
    progress.line("e2e", "......... [ 22%]")
    progress.line("e2e", "", whole=False)
    assert "9 of 40 tests" in _shown(progress)
    progress.line("e2e", "a line that a test printed")
    assert "9 of 40 tests" in _shown(progress)


@pytest.mark.parametrize(
    ("line", "tests"),
    [("collected 27 items", 27), ("collected 244 items / 217 deselected / 27 selected", 27), ("2 workers [1 item]", 1)],
)
def test_number_of_tests_is_what_pytest_says(progress: Progress, line: str, tests: int) -> None:
    """The number of tests is known whether pytest runs in workers or not, without those that it leaves out."""
    progress.line("e2e", line)
    assert f"0 of {tests} tests" in _shown(progress)


def test_ended_part_shows_its_result(progress: Progress) -> None:
    """A part that ended shows whether it passed, and how long it took."""
    progress.end("e2e", passed=True)
    progress.end("lint", passed=False)
    assert re.search(r"e2e .* passed after 0 s", _shown(progress))
    assert re.search(r"lint .* FAILED after 0 s", _shown(progress))


def test_log_has_a_line_now_and_then() -> None:
    """Without a terminal a line says how far the running parts are, until they end."""
    output = io.StringIO()
    with Progress(Console(file=output, width=200), every=0.01) as progress:
        progress.begin("unit", 1)
        progress.step("unit", 0, ["pytest", "tests/unit"])
        poll("a line", lambda: "progress   │ unit 0 %" in output.getvalue() or None, 10)
        progress.end("unit", passed=True)
    assert "passed" not in output.getvalue()


def test_terminal_has_lines_below_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the progress is shown below the output, and is gone at the end."""
    # A dumb terminal cannot erase lines.
    monkeypatch.setenv("TERM", "xterm")
    output = io.StringIO()
    parts = Parts(prefixed=True, report=Console(file=output, width=120, force_terminal=True, soft_wrap=True))
    code = "print('2 workers [4 items]'); print('..', end='', flush=True); print(' [ 50%]'); print('output')"
    with parts.shown():
        assert parts.run("unit", lambda: [Step([sys.executable, "-c", code])])
    assert "passed after" in output.getvalue()
    assert output.getvalue().count("output") == 1
