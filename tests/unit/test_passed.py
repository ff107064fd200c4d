"""What passed is left out until it changes, and only then."""

import sys
from functools import partial
from pathlib import Path

import grimp
import pytest

from tests.support import passed
from tests.support.parts import Parts, Step
from tests.support.pytest_steps import CONFORMANCE_READS

# Fails for a file with "bad" in it, and writes which files it was given.
CHECK = """
import sys
from pathlib import Path
log, *files = map(Path, sys.argv[1:])
log.write_text(log.read_text() + " ".join(file.name for file in files) + "\\n")
sys.exit(any("bad" in file.read_text() for file in files))
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Which files each check was given."""
    path = tmp_path / "log"
    path.write_text("")
    return path


def test_only_changed_files_are_checked(tmp_path: Path, log: Path) -> None:
    """A file is checked again when it changed, when it failed, under another name and with other options."""
    files = [tmp_path / name for name in ("a.py", "b.py")]
    command = [sys.executable, "-c", CHECK, str(log)]

    def check(*options: str) -> int:
        names = [str(path) for path in files]
        return passed.check([*command[:1], *options, *command[1:]], names, tmp_path / "passed")

    for file in files:
        file.write_text("good")
    assert [check(), check()] == [0, 0]
    files[1].write_text("bad")
    assert [check(), check()] == [1, 1]
    files[1].write_text("better")
    assert [check(), check()] == [0, 0]
    files[0] = files[0].rename(tmp_path / "c.py")
    assert [check(), check("-B"), check("-B")] == [0, 0, 0]
    assert log.read_text().splitlines() == ["a.py b.py", "b.py", "b.py", "b.py", "c.py", "c.py b.py"]


def test_part_runs_again_when_an_input_changed_or_it_failed(
    tmp_path: Path, log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """All steps of a part run until they passed, and again when a file in one of its folders changes."""
    source = tmp_path / "code" / "main.tf"
    source.parent.mkdir()
    step = Step([sys.executable, "-c", CHECK, str(log), str(source)])

    def run() -> bool:
        steps = passed.unless_passed("terraform", [source.parent], lambda: [step], tmp_path / "passed")
        return Parts(prefixed=False).run("terraform", lambda: steps)

    source.write_text("bad")
    assert [run(), run()] == [False, False]
    source.write_text("good")
    assert [run(), run()] == [True, True]
    assert log.read_text().count("main.tf") == 3
    assert "nothing it reads has changed; `bin/test terraform` runs it all the same" in capfd.readouterr().out
    (source.parent / "more.tf").write_text("good")
    assert run()
    assert log.read_text().count("main.tf") == 4


def test_part_whose_input_changes_meanwhile_runs_again(tmp_path: Path, log: Path) -> None:
    """What passed is what the inputs were before the steps ran."""
    source = tmp_path / "main.tf"
    source.write_text("good")
    step = Step([sys.executable, "-c", CHECK, str(log), str(source)])

    def changed_after_start() -> list[Step]:
        source.write_text(source.read_text() + "!")
        return [step]

    for _ in range(2):
        steps = passed.unless_passed("terraform", [source], changed_after_start, tmp_path / "passed")
        assert Parts(prefixed=False).run("terraform", partial(list, steps))
    assert log.read_text().count("main.tf") == 2


def test_conformance_suite_imports_nothing_that_it_is_not_said_to_read() -> None:
    """Each module that the suite and the engine's patches import is below a folder that lets them run again."""
    packages = ("common", "functions", "tooling", "release", "ops", "evidence", "localstack", "labs", "cli", "tests")
    graph = grimp.build_graph(*packages, cache_dir=None)
    roots = [name for name in graph.modules if name.startswith(("tests.conformance.", "localstack.ministack_patches."))]
    # What compares the engine's DynamoDB with AWS's own runs by itself.
    roots = [name for name in roots if not name.endswith(".twins")]
    imported = {module for root in roots for module in graph.find_upstream_modules(root)} | set(roots)
    read = tuple(f"{folder.replace('/', '.')}." for folder in CONFORMANCE_READS)
    assert len(roots) > 20
    assert [module for module in sorted(imported) if not f"{module}.".startswith(read)] == []
