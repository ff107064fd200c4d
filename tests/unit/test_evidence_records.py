"""The pytest plugin that records tests in plain words, and how long orders took."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evidence import stages
from tests.support.evidence_plugin import OrderTimer, Recorder, describe_test
from tests.support.our_files import IN_GIT
from tooling.paths import ROOT


@pytest.mark.parametrize(
    ("node", "sentence", "case"),
    [
        ("e2e/test_status.py::test_order_is_paid[EFT]", "Order is paid", "EFT"),
        (
            "e2e/test_access_patterns.py::test_list_by_status",
            "A list of one status has every order in that status and no other",
            "",
        ),
        ("e2e/test_status.py", "The file could not be imported", ""),
    ],
)
def test_test_is_described_in_words(node: str, sentence: str, case: str) -> None:
    """A test is described by its docstring, else by its name."""
    assert describe_test(ROOT, node) == {"file": node.partition("::")[0], "sentence": sentence, "case": case}


def times(folder: Path) -> list[tuple[str, float]]:
    found = [json.loads(line) for path in folder.glob("times-*.jsonl") for line in path.read_text().splitlines()]
    return [(each["step"], each["seconds"]) for each in found]


def test_step_is_timed_once_from_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order is timed once per step, from the first request on."""
    timer = OrderTimer(Recorder(tmp_path, "gw0"), "one at a time")
    timer.accepted("order", sent_at=100.0, seconds=0.25)
    timer.accepted("order", sent_at=105.0, seconds=9.0)
    timer.add_key("order", "correlation")
    monkeypatch.setattr("time.time", lambda: 101.5)
    timer.checked("order", "recorded", False, started_at=101.0)
    timer.checked("order", "recorded", True, started_at=101.2)
    timer.checked("order", "recorded", True, started_at=103.0)
    timer.reached("correlation", "customer mail", 103.5)
    timer.reached("unknown", "customer mail", 103.5)
    assert times(tmp_path) == [("accepted", 0.25), ("recorded", 1.5), ("customer mail", 3.5)]


def test_late_check_is_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that was not checked promptly gives no time."""
    timer = OrderTimer(Recorder(tmp_path, "gw0"), "one at a time")
    for key in ("late", "soon"):
        timer.accepted(key, sent_at=100.0, seconds=0.25)
    monkeypatch.setattr("time.time", lambda: 130.0)
    timer.checked("late", "recorded", True, started_at=129.0)
    timer.checked("soon", "invoice", True, started_at=100.3)
    assert times(tmp_path)[2:] == [("invoice", 30.0)]


TESTS = '''
"""Tests of a file."""
import pytest


def test_good(evidence):
    """What is good."""
    evidence.save_exhibit("order.json", b"{}")


@pytest.mark.parametrize("mark", ["a", "b"])
def test_bad_news(mark):
    assert "thandi@gmail.com" == mark


def test_broken(missing):
    pass


@pytest.mark.skip
def test_left_out():
    pass


@pytest.mark.alone
def test_of_another_run():
    pass
'''


@pytest.mark.slow("evidence", "tests/conftest.py", "tests/support", "requirements")
@pytest.mark.parametrize(
    ("workers", "git"), [([], {"GIT_DIR": "/dev/null"}), (["-n", "2"], {})], ids=["alone, without git", "xdist"]
)
def test_run_is_recorded(tmp_path: Path, workers: list[str], git: dict[str, str]) -> None:
    """A run of pytest is recorded with and without xdist, and without a git repository too."""
    test = tmp_path / "test_some.py"
    test.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", str(test), "-p", "tests.support.evidence_plugin"]
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-m", "not alone"]
    options = [*settings, "--evidence", str(tmp_path / "records"), "--quick-run", *workers]
    environment = {"STACK_DIR": str(tmp_path / "stack"), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **git}
    done = subprocess.run(
        [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    stage = stages.read(tmp_path / "records" / "local")
    (run,) = stage.runs
    assert sorted((test.sentence, test.case, test.outcome) for test in run.tests) == [
        ("Bad news", "a", "failed"),
        ("Bad news", "b", "failed"),
        ("Broken", "", "failed"),
        ("Left out", "", "skipped"),
        ("What is good", "", "passed"),
    ]
    assert (run.exit_status, run.marks, run.release) == (1, "not alone", None)
    assert (run.commit == "unknown") is ("GIT_DIR" in git or not IN_GIT)
    assert (run.selection, run.quick, run.collected) == ("", True, 6)
    messages = [test.message for test in stage.failed]
    assert any("(mail address)" in message for message in messages)
    assert any("fixture 'missing' not found" in message for message in messages)
    assert "gmail" not in str(messages)
    assert stage.exhibits == {"order.json": b"{}"}
