from datetime import UTC, datetime

import pytest

from common import paging
from common.status import OrderStatus
from functions.adapters.problems import ProblemError
from functions.list_orders.query import parse_query


def test_nothing_asked_is_the_first_fifty() -> None:
    query = parse_query("t", {})
    assert (query.page_size, query.position, query.narrowed.status) == (50, None, None)


def test_all_parameters_are_read() -> None:
    filters = {"status": "PAID", "dateFrom": "2026-11-24T00:00:00+02:00", "dateTo": "2026-11-25T00:00:00Z"}
    token = paging.encode("t", filters, "2026-11-24#id")
    # A "+" that was not percent-encoded arrives as a space.
    query = parse_query("t", {"pageSize": "7", "startAt": token, **filters, "dateFrom": "2026-11-24T00:00:00+02:00"})
    assert query.page_size == 7
    assert query.position == "2026-11-24#id"
    assert query.narrowed.status is OrderStatus.PAID
    assert query.narrowed.date_from == datetime(2026, 11, 23, 22, tzinfo=UTC)
    assert parse_query("t", {"dateFrom": "2026-11-24T00:00:00 02:00"}).narrowed.date_from == query.narrowed.date_from


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
    ],
)
def test_every_wrong_parameter_is_named(parameters: dict[str, str], fields: list[str]) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_query("t", parameters)
    assert refused.value.status == 400
    assert [error.field for error in refused.value.errors] == fields
