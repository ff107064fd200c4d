"""Which tests run first: what failed, what a change affects, and the longest."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.first import changed_files, distances, needless, order

PAGING, EVENTS, DOCS, PLANS = (
    "tests/unit/test_paging.py",
    "tests/unit/test_events.py",
    "tests/unit/test_docs.py",
    "tests/integration/test_plans.py",
)
TESTS = (PAGING, EVENTS, DOCS, PLANS)


def test_failed_then_affected_then_longest() -> None:
    """A file with a failed test goes first, then those near a change, then the longest, or of an engine and new."""
    seconds = {PAGING: 1.0, EVENTS: 2.0, DOCS: 3.0}
    assert order(TESTS, [], {}, seconds) == [PLANS, DOCS, EVENTS, PAGING]
    assert order(TESTS, [], {PAGING: 1, EVENTS: 2}, seconds) == [PAGING, EVENTS, PLANS, DOCS]
    assert order(TESTS, [EVENTS], {PAGING: 0}, seconds) == [EVENTS, PAGING, PLANS, DOCS]


def test_change_of_a_module_affects_its_tests() -> None:
    """A test that imports the changed module is nearer than one that does so through others."""
    found = distances(["common/paging.py"], [PAGING, "tests/integration/test_api_functions.py", EVENTS])
    assert found == {PAGING: 1, "tests/integration/test_api_functions.py": 2}


def test_change_of_a_test_or_of_another_file_affects_what_names_it() -> None:
    """A changed test is affected itself; a file that is no module affects the tests whose text has its name."""
    assert distances([PAGING], TESTS) == {PAGING: 0}
    assert DOCS in distances(["README.md"], TESTS)
    assert distances(["docs/nobody-names-it.svg"], TESTS) == {}


def test_changes_are_those_that_are_not_committed(tmp_path: Path) -> None:
    """Changed, new and renamed files count, with any name; a folder without git has no changes."""
    assert changed_files(tmp_path / "none") == []

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", tmp_path, *arguments], check=True)

    git("init", "-q")
    for name in ("same.py", "changed.py", "moved.py"):
        (tmp_path / name).write_text("1\n")
    git("add", ".")
    git("commit", "-qm", "first")
    assert changed_files(tmp_path) == []
    (tmp_path / "changed.py").write_text("2\n")
    (tmp_path / "new folder").mkdir()
    (tmp_path / "new folder" / "ä.md").write_text("")
    git("mv", "moved.py", "elsewhere.py")
    assert sorted(changed_files(tmp_path)) == ["changed.py", "elsewhere.py", "moved.py", "new folder/ä.md"]


def test_slow_test_is_left_out_unless_a_change_affects_it() -> None:
    """A slow test is needless unless its file or one below its paths has changed; a test without the mark never is."""
    mark = pytest.mark.slow("templates", "common/mail.py").mark
    slow: Any = SimpleNamespace(get_closest_marker=lambda name: mark, nodeid="tests/unit/test_visual.py::test_mail")
    assert needless(slow, ["common/mail_problem.py", "docs/templates"])
    assert not needless(slow, ["common/mail.py"])
    assert not needless(slow, ["tests/unit/test_visual.py"])
    assert not needless(slow, ["docs/a.md", "templates/customer/status.html"])
    other: Any = SimpleNamespace(get_closest_marker=lambda name: None)
    assert not needless(other, [])
