"""docs/parity.md, measured.json and the known differences agree."""

import pytest

from tests.conformance import parity
from tests.conformance.differences import DIFFERENCES, TWINS
from tests.conformance.engines import locked
from tests.conformance.twins import REQUESTS

LOCKS = {
    "embedded": ("engine", "ministack"),
    "moto": ("moto", "moto[server]"),
    "localstack-host": ("localstack", "localstack-core[runtime]"),
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
