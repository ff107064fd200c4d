"""Writes docs/parity.md: how each engine responded, row by row (`python -m tests.conformance.parity`)."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.differences import DIFFERENCES, TWINS
from tests.conformance.engines import Engine
from tests.conformance.twins import REQUESTS
from tooling.paths import ROOT

FOLDER = ROOT / "tests" / "conformance"
MEASURED = FOLDER / "measured.json"
PAGE = ROOT / "docs" / "parity.md"
SAME, DIFFERS, LACKS = "same", "differs", "lacks"
_NOT_RUN = "not run"
_COLUMNS = {
    "embedded": "embedded (MiniStack)",
    "moto": "moto",
    "localstack-host": "LocalStack on the host",
    "localstack": "LocalStack in Docker",
    "dynamodb-local": "DynamoDB Local",
    "localstack-licensed": "LocalStack with a token",
    "aws": "AWS",
}
_SIGNS = {SAME: "✓", DIFFERS: "✗", LACKS: "–", _NOT_RUN: ""}
_SOURCE = re.compile(r"Source: (?P<page>[^<]+?)\s+<(?P<url>https://docs\.aws\.amazon\.com/[^>]+)>")


@dataclass(frozen=True)
class Row:
    """A call to AWS and the documented behaviour.

    Args:
        id: Module and name of the test.
        says: The documented behaviour.
        page: Page of AWS's documentation.
        url: URL of the page.
    """

    id: str
    says: str
    page: str
    url: str


def row_of(node_id: str) -> str:
    """The id of a row, from pytest's id of its test."""
    path, _, name = node_id.partition("::")
    return f"{Path(path).stem.removeprefix('test_')}/{name.removeprefix('test_')}"


def rows() -> list[Row]:
    """Every row, in the order of the files.

    Raises:
        ValueError: A test has no docstring, or its docstring names no page of AWS's documentation.
    """
    found = []
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            row = row_of(f"{path.name}::{node.name}")
            text = " ".join((ast.get_docstring(node) or "").split())
            source = _SOURCE.search(text)
            if not source:
                raise ValueError(f'{row}: its docstring must end with `Source: GUIDE, "PAGE" <https://docs.aws…>`')
            found.append(Row(row, text[: source.start()].strip(), source["page"], source["url"]))
    return found


def measured() -> dict[str, dict[str, Any]]:
    """The results of the last complete run on each engine: its version, and the cell of each row."""
    content: dict[str, dict[str, Any]] = json.loads(MEASURED.read_text())
    for found in content.values():
        found["rows"] = {row: kind for kind, named in found["rows"].items() for row in named}
    return content


def _write(content: dict[str, dict[str, Any]]) -> None:
    """Store the results and write the page."""
    noted = {name: dict(content[name]) for name in _COLUMNS if name in content}
    for found in noted.values():
        cells = found["rows"]
        found["rows"] = {kind: [row for row in cells if cells[row] == kind] for kind in (SAME, DIFFERS, LACKS)}
    MEASURED.write_text(json.dumps(noted, indent=1) + "\n")
    PAGE.write_text(page())


def note(engine: Engine, cells: dict[str, str], write: bool) -> bool:
    """Whether a complete run differs from the stored results; with `write` they and the page are replaced."""
    content = measured()
    found = {
        "version": engine.version,
        "lacks": dict(engine.lacks),
        "rows": {row.id: by_row(cells)[row.id] for row in rows()},
    }
    changed = content.get(engine.name) != found
    if write:
        content[engine.name] = found
        _write(content)
    return changed or PAGE.read_text() != page()


def by_row(cells: dict[str, str]) -> dict[str, str]:
    """The cell of each row that ran; the worst one for a row that is tested with several parameters."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, cell in cells.items():
        found[name.partition("[")[0]].add(cell)
    return {row: next(kind for kind in (DIFFERS, LACKS, SAME) if kind in kinds) for row, kinds in found.items()}


def _counts(content: dict[str, dict[str, Any]], name: str) -> list[str]:
    if name not in content:
        return [_COLUMNS[name], "", "not run yet", "", ""]
    cells = list(content[name]["rows"].values())
    return [_COLUMNS[name], content[name]["version"], *(str(cells.count(kind)) for kind in (SAME, DIFFERS, LACKS))]


def _table(head: list[str], lines: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)]


def _service(row: Row) -> str:
    return row.id.partition("/")[0].replace("_", " ")


def page() -> str:
    """The text of the page."""
    content, all_rows = measured(), rows()
    run = [name for name in _COLUMNS if name in content]
    text = [
        "# The same on every engine",
        "",
        f"What the service uses of AWS, call by call: {len(all_rows)} rows, each with the response that AWS documents.",
        "`make conformance ENGINE=…` writes this page; [engines.md](engines.md) says how. ✓ is as AWS documents, ✗ is",
        "a known difference (listed below), – is missing.",
        "",
        *_table(
            ["engine", "version", "as AWS", "known differences", "missing"],
            [_counts(content, name) for name in _COLUMNS],
        ),
    ]
    for service in dict.fromkeys(_service(row) for row in all_rows):
        lines = [
            [
                f"{row.says.rstrip('.')} ([source]({row.url} '{row.page.replace(chr(39), chr(8217))}'))",
                *(_SIGNS[content[name]["rows"].get(row.id, _NOT_RUN)] for name in run),
            ]
            for row in all_rows
            if _service(row) == service
        ]
        text += ["", f"## {service}", "", *_table([service, *(_COLUMNS[name] for name in run)], lines)]
    says = {row.id: row.says.rstrip(".") for row in all_rows}
    text += [
        "",
        "## Known differences",
        "",
        "Each is an expected failure in `tests/conformance/differences.py`; a run fails when one goes away.",
    ]
    for name in run:
        known = DIFFERENCES.get(name)
        if known and known.rows:
            lines = [[says[row.id], known.rows[row.id]] for row in all_rows if row.id in known.rows]
            text += ["", f"### {_COLUMNS[name]} {known.version}", "", *_table(["AWS", "here"], lines)]
    text += [
        "",
        "## DynamoDB, the embedded engine's and AWS's own",
        "",
        f"`python -m tests.conformance.twins` sends {len(REQUESTS)} further series of requests to both.",
        f"The responses to {len(REQUESTS) - len(TWINS)} are the same.",
        *(["", *_table(["other responses", "the embedded engine's"], list(map(list, TWINS.items())))] if TWINS else []),
    ]
    text += ["", "## Missing features", ""]
    text += _table(
        ["engine", "lacks", "because"],
        [[_COLUMNS[name], what, why] for name in run for what, why in content[name].get("lacks", {}).items()],
    )
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
