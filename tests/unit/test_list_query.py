"""The query parameters of the order list."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import paging
from common.errors import InvalidFieldsError
from common.status import OrderStatus
from functions.list_orders.query import parse_query

POSITION = "2026-11-24T08:30:00.000000Z#6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11"


def test_query_empty_is_first_fifty() -> None:
    """Without parameters, the query is the first fifty orders."""
    query = parse_query("t", {})
    assert (query.page_size, query.position, query.filters.status) == (50, None, None)


def test_query_all_parameters_are_parsed() -> None:
    """All parameters are parsed."""
    filters = {"status": "PAID", "dateFrom": "2026-11-24T00:00:00+02:00", "dateTo": "2026-11-25T00:00:00Z"}
    token = paging.encode("t", filters, POSITION)
    # A "+" that was not percent-encoded arrives as a space.
    query = parse_query("t", {"pageSize": "7", "startAt": token, **filters, "dateFrom": "2026-11-24T00:00:00+02:00"})
    assert query.page_size == 7
    assert query.position == POSITION
    assert query.filters.status is OrderStatus.PAID
    assert query.filters.date_from == datetime(2026, 11, 23, 22, tzinfo=UTC)
    assert parse_query("t", {"dateFrom": "2026-11-24T00:00:00 02:00"}).filters.date_from == query.filters.date_from


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({"pageSize": "0"}, ["pageSize"]),
        ({"pageSize": "101"}, ["pageSize"]),
        ({"pageSize": "+5"}, ["pageSize"]),
        ({"pageSize": "9" * 5_000}, ["pageSize"]),
        ({"status": "paid"}, ["status"]),
        ({"dateFrom": "24 November"}, ["dateFrom"]),
        ({"dateTo": "2026-11-24T00:00:00"}, ["dateTo"]),
        ({"dateFrom": "2026-11-25T00:00:00Z", "dateTo": "2026-11-24T00:00:00Z"}, ["dateFrom"]),
        ({"startAt": "x"}, ["startAt"]),
        ({"offset": "1", "pageSize": ""}, ["offset", "pageSize"]),
        ({"": "null"}, ["query"]),
    ],
)
def test_query_invalid_parameters_are_named(parameters: dict[str, str], fields: list[str]) -> None:
    """Every invalid parameter is named."""
    with pytest.raises(InvalidFieldsError) as refused:
        parse_query("t", parameters)
    assert [error.field for error in refused.value.errors] == fields


@pytest.mark.parametrize(
    ("filters", "position"),
    [
        ({}, ""),
        ({}, "x"),
        ({}, "\ud800"),
        ({}, POSITION.partition("#")[0]),
        ({}, POSITION + "\n"),
        ({}, POSITION.replace("6f1c", "6F1C")),
        ({"dateFrom": "2026-11-25T00:00:00Z"}, POSITION),
        ({"dateTo": "2026-11-23T00:00:00Z"}, POSITION),
    ],
)
def test_query_forged_token_is_refused(filters: dict[str, str], position: str) -> None:
    """A forged token with a position that no page has is refused: DynamoDB would fail on it."""
    with pytest.raises(InvalidFieldsError) as refused:
        parse_query("t", {**filters, "startAt": paging.encode("t", filters, position)})
    assert [error.field for error in refused.value.errors] == ["startAt"]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_query_date_out_of_range_is_refused(text: str) -> None:
    """A date outside the years 1 to 9999 is refused."""
    with pytest.raises(InvalidFieldsError) as refused:
        parse_query("t", {"dateFrom": text})
    assert [error.field for error in refused.value.errors] == ["dateFrom"]


@given(st.datetimes(timezones=st.just(UTC)))
def test_query_bounds_are_in_order(timestamp: datetime) -> None:
    """The first key of a list is before the last, for any date."""
    text = timestamp.isoformat()
    for query in (parse_query("t", {"dateFrom": text}), parse_query("t", {"dateTo": text})):
        first, last = query.filters.bounds()
        assert first < last
        assert (query.filters.date_from or query.filters.date_to) == timestamp


_texts = st.text(max_size=30) | st.integers().map(str) | st.datetimes().map(str)


@given(
    st.dictionaries(
        st.sampled_from(["pageSize", "startAt", "status", "dateFrom", "dateTo"]) | st.text(max_size=9), _texts
    )
)
def test_query_any_is_parsed_or_refused_by_name(parameters: dict[str, str]) -> None:
    """Any parameters are a valid query, or are refused by name."""
    try:
        wrong = []
        assert 1 <= parse_query("t", parameters).page_size <= 100
    except InvalidFieldsError as refused:
        wrong = [error.field for error in refused.errors] or ["nothing"]
    assert set(wrong) <= {name or "query" for name in parameters}
