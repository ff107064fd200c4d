from datetime import UTC, datetime

import pytest

from common.numbering import format_number, number_year


@pytest.mark.parametrize(
    ("sequence", "number"), [(1, "ORD-2026-00001"), (99_999, "ORD-2026-99999"), (100_000, "ORD-2026-100000")]
)
def test_number_has_at_least_five_digits(sequence: int, number: str) -> None:
    assert format_number(2026, sequence) == number


def test_the_year_is_the_one_in_south_africa() -> None:
    assert number_year(datetime(2026, 12, 31, 21, 59, tzinfo=UTC)) == 2026
    assert number_year(datetime(2026, 12, 31, 22, 0, tzinfo=UTC)) == 2027
