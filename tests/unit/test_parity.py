"""docs/parity.md says what was found, and what is said to differ is a row."""

import pytest

from tests.conformance import parity
from tests.conformance.differences import DIFFERENCES
from tests.conformance.engines import locked

LOCKS = {
    "embedded": ("engine", "ministack"),
    "moto": ("moto", "moto[server]"),
    "localstack-host": ("localstack", "localstack-core[runtime]"),
}
ROWS = {row.id for row in parity.rows()}


def test_the_page_is_what_was_measured() -> None:
    assert parity.PAGE.read_text() == parity.page(), "run `python -m tests.conformance.parity`"


@pytest.mark.parametrize("engine", LOCKS)
def test_what_was_measured_is_of_these_rows_and_of_the_locked_engine(engine: str) -> None:
    found = parity.measured()[engine]
    assert set(found["rows"]) == ROWS, f"run `make conformance ENGINE={engine}`"
    assert found["version"] == locked(*LOCKS[engine]) == DIFFERENCES[engine].version


@pytest.mark.parametrize("engine", DIFFERENCES)
def test_a_known_difference_is_a_row_that_differed(engine: str) -> None:
    cells = parity.measured()[engine]["rows"]
    differed = {row for row, cell in cells.items() if cell == parity.DIFFERS}
    assert {row.partition("[")[0] for row in DIFFERENCES[engine].rows} == differed


def test_every_row_says_where_aws_says_so() -> None:
    assert len(ROWS) == len(parity.rows())
    for row in parity.rows():
        assert row.says.endswith("."), row.id
        assert row.url.startswith("https://docs.aws.amazon.com/"), row.id
