"""Failed tests are named when they fail."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tooling.paths import ROOT

TESTS = """import pytest

def test_passes():
    pass

def test_fails():
    raise ValueError("no price")

@pytest.fixture
def disk():
    raise OSError("no disk")

def test_errs(disk):
    pass
"""


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "1")])
def test_failed_test_is_named_before_the_end(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A line names each failed test and its error once, before pytest's own report, with and without workers."""
    (tmp_path / "test_broken.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.failures", "-p", "no:cacheprovider", *workers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, timeout=120, check=False
    )
    before = re.split(r"=== (?:ERRORS|FAILURES) ===", done.stdout)[0]
    assert [line for line in before.splitlines() if line.startswith("failed: ")] == [
        "failed: test_broken.py::test_fails: ValueError: no price",
        "failed: test_broken.py::test_errs: OSError: no disk",
    ]
    assert done.stdout.count("failed: ") == 2
