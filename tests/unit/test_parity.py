"""docs/parity.md, measured.json and the known differences agree."""

import pytest

from tests.conformance import parity
from tests.conformance.differences import DIFFERENCES, TWINS
from tests.conformance.engines import locked
from tests.conformance.twins import REQUESTS
from tooling import dynamodb_local

LOCKS = {
    "embedded": ("engine", "ministack"),
    "moto": ("moto", "moto[server]"),
    "localstack-host": ("localstack", "localstack-core[runtime]"),
    "localstack": ("localstack", "localstack-core[runtime]"),
}
ROWS = {row.id for row in parity.rows()}


def test_page_matches_measurements() -> None:
    """docs/parity.md is generated from measured.json."""
    assert parity.PAGE.read_text() == parity.page(), "run `python -m tests.conformance.parity`"


@pytest.mark.parametrize("engine", LOCKS)
def test_measurements_cover_rows_and_locked_engine(engine: str) -> None:
    """Each engine was measured with these rows and its locked version."""
    found = parity.measured()[engine]
    assert set(found["rows"]) == ROWS, f"run `make conformance ENGINE={engine}`"
    assert found["version"] == locked(*LOCKS[engine]) == DIFFERENCES[engine].version


def test_measurements_cover_rows_of_dynamodb_local() -> None:
    """DynamoDB Local was measured in the version that is downloaded; it has no rows but those of tables."""
    found = parity.measured()["dynamodb-local"]
    assert (set(found["rows"]), found["version"]) == (ROWS, dynamodb_local.VERSION), (
        "run `make conformance ENGINE=dynamodb-local`"
    )
    missing = {row for row, cell in found["rows"].items() if cell == parity.LACKS}
    assert missing == {row for row in ROWS if not row.startswith("dynamodb/")}


def test_row_with_parameters_counts_once() -> None:
    """A row that is tested with several parameters has one cell, the worst."""
    cells = {"s3/a[1]": parity.SAME, "s3/a[2]": parity.DIFFERS, "s3/a[3]": parity.LACKS, "s3/b": parity.SAME}
    assert parity.by_row(cells) == {"s3/a": parity.DIFFERS, "s3/b": parity.SAME}


@pytest.mark.parametrize("engine", DIFFERENCES)
def test_known_differences_were_measured(engine: str) -> None:
    """The known differences of an engine are the rows that differed."""
    cells = parity.measured()[engine]["rows"]
    differed = {row for row, cell in cells.items() if cell == parity.DIFFERS}
    assert {row.partition("[")[0] for row in DIFFERENCES[engine].rows} == differed


def test_known_differences_of_twins_are_requests() -> None:
    """A known difference of the embedded engine's DynamoDB from AWS's own is one of the compared requests."""
    assert TWINS.keys() <= REQUESTS.keys()


def test_rows_name_aws_documentation() -> None:
    """Every row has a sentence and a page of AWS's documentation."""
    assert len(ROWS) == len(parity.rows())
    for row in parity.rows():
        assert row.says.endswith("."), row.id
        assert row.url.startswith("https://docs.aws.amazon.com/"), row.id
