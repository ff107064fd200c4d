"""Coverage of the service's code: lines and branches that the tests ran, counted by SlipCover.

On Python 3.12 coverage.py traces all code of a process to count branches, so WeasyPrint and the tooling take nearly
twice as long. SlipCover has Python report only what it measures, and each line once. Its command cannot start this
version of pytest, so tests/conftest.py calls `begin` before anything imports the service.
"""

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import slipcover

from tooling.paths import ROOT

# The folder that each process of pytest writes its results into; nothing is measured without it.
FOLDER_VARIABLE = "COVERAGE_FOLDER"
_FOLDER = os.environ.get(FOLDER_VARIABLE)


def settings() -> dict[str, Any]:
    """What is measured, and how much of it the tests must run."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)["tool"]["slipcover"]
    return found


def _begin() -> slipcover.Slipcover | None:
    if _FOLDER is None:
        return None
    sources = [str(ROOT / source) for source in settings()["source"]]
    measured = slipcover.Slipcover(branch=settings()["branch"], source=sources)
    slipcover.ImportManager(measured, slipcover.FileMatcher(sources)).__enter__()
    return measured


_measured = _begin()


def write() -> None:
    """Write what this process ran."""
    if _measured and _FOLDER:
        Path(_FOLDER, f"{os.getpid()}.json").write_text(json.dumps(_measured.get_coverage()))


def report(folder: Path) -> int:
    """Print what no process ran; return the exit status: 1 if less was run than is required."""
    merged: dict[str, Any] | None = None
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        merged = slipcover.merge_coverage(merged, found) if merged else found
    if merged is None:
        print(f"no process wrote its coverage into {folder}")
        return 1
    slipcover.print_coverage(merged, skip_covered=True)
    percent, required = merged["summary"]["percent_covered"], settings()["fail-under"]
    print(f"\ncoverage of {', '.join(settings()['source'])}: {percent:.2f} %, required: {required} %")
    return int(percent < required)


if __name__ == "__main__":
    sys.exit(report(Path(sys.argv[1])))
