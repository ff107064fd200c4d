"""Order numbers and their year."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.numbering import format_number, number_year


@pytest.mark.parametrize(
    ("sequence", "number"), [(1, "ORD-2026-00001"), (99_999, "ORD-2026-99999"), (100_000, "ORD-2026-100000")]
)
def test_number_has_at_least_five_digits(sequence: int, number: str) -> None:
    """A number has at least five digits, and more if needed."""
    assert format_number(2026, sequence) == number


def test_year_is_that_of_south_africa() -> None:
    """The year changes at midnight in South Africa."""
    assert number_year(datetime(2026, 12, 31, 21, 59, tzinfo=UTC)) == 2026
    assert number_year(datetime(2026, 12, 31, 22, 0, tzinfo=UTC)) == 2027


@given(st.integers(2000, 9999), st.integers(1, 10**9), st.integers(2000, 9999), st.integers(1, 10**9))
def test_number_is_unique(year: int, sequence: int, other_year: int, other: int) -> None:
    """Two orders of other years or sequences never have the same number."""
    number = format_number(year, sequence)
    assert re.fullmatch(r"ORD-[0-9]{4}-[0-9]{5,}", number)
    assert (number == format_number(other_year, other)) is ((year, sequence) == (other_year, other))
    assert [int(part) for part in number.split("-")[1:]] == [year, sequence]


@given(st.datetimes(datetime(2000, 1, 1), datetime(9999, 1, 1), timezones=st.timezones()))
def test_year_any_timezone_is_south_african(created: datetime) -> None:
    """The year is the South African one in whatever time zone the timestamp is."""
    assert number_year(created) == (created.astimezone(UTC) + timedelta(hours=2)).year
