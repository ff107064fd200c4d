"""The coverage of the service's code: what a run writes, and when the report fails."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import coverage
from tests.support.coverage import FOLDER_VARIABLE
from tooling.paths import ROOT

pytestmark = pytest.mark.slow("tests/conftest.py", "tests/support", "pyproject.toml", "requirements")


def test_run_writes_lines_and_branches(tmp_path: Path) -> None:
    """A run of pytest writes the lines and branches that it ran, and counts files that it did not import."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "tests/unit/test_paging.py"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {FOLDER_VARIABLE: str(tmp_path)}, check=True, timeout=120)
    (written,) = tmp_path.glob("*.json")
    files = json.loads(written.read_text())["files"]
    paging = files["common/paging.py"]
    assert len(paging["executed_lines"]) > 20
    assert paging["executed_branches"]
    assert files["functions/order_pdf_creator/service.py"]["executed_lines"] == []
    assert not [name for name in files if not name.startswith(("common/", "functions/"))]


def _result(executed: int, of: int, branches: int) -> dict[str, Any]:
    """What a process writes that ran the first lines and branches of a file with four branches."""
    all_branches = [[1, line] for line in range(2, 6)]
    file = {
        "executed_lines": [*range(1, executed + 1)],
        "missing_lines": [*range(executed + 1, of + 1)],
        "executed_branches": all_branches[:branches],
        "missing_branches": all_branches[branches:],
    }
    return {"meta": {"software": "slipcover", "branch_coverage": True}, "files": {"common/x.py": file}}


@pytest.mark.parametrize(("branches", "status"), [(4, 0), (0, 1)])
def test_report_fails_below_the_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], branches: int, status: int
) -> None:
    """The runs of all processes count together, and branches as well as lines."""
    (tmp_path / "1.json").write_text(json.dumps(_result(5, 20, 0)))
    (tmp_path / "2.json").write_text(json.dumps(_result(19, 20, branches)))
    assert coverage.report(tmp_path) == status
    percent = 100 * (19 + branches) / 24
    assert f"coverage of common, functions: {percent:.2f} %, required: 90 %" in capsys.readouterr().out


def test_report_of_nothing_fails(tmp_path: Path) -> None:
    """A run that measured nothing does not pass."""
    assert coverage.report(tmp_path) == 1
