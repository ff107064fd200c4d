"""Orders that are read together, of which DynamoDB leaves some unprocessed: engines always read all of them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from common.errors import TransientError
from common.order import Order
from common.repository import OrdersRead
from common.table_items import attributes_of, order_key
from tests.support.samples import order
from tests.support.stubbed_table import StubbedTable

ORDERS = [order(f"ORD-2026-0000{n}") for n in (1, 2, 3)]


class Table(StubbedTable):
    """A table from which a test reads all orders."""

    def expect(self, asked: list[Order], read: list[Order]) -> None:
        """Expect a request for orders, and read only some of them."""
        left = [each for each in asked if each not in read]
        response: dict[str, Any] = {
            "Responses": {self.NAME: [attributes_of(each) for each in read]},
            "UnprocessedKeys": _request(left) if left else {},
        }
        self.stubber.add_response("batch_get_item", response, {"RequestItems": _request(asked)})

    def throttle(self, asked: list[Order]) -> None:
        """Expect a request for orders, and read none of them."""
        code, request = "ProvisionedThroughputExceededException", {"RequestItems": _request(asked)}
        self.stubber.add_client_error("batch_get_item", code, expected_params=request)

    def read(self) -> list[UUID]:
        """Read all orders; returns the ids of those that were read."""
        found = self.repository.get_all((each.tenant_id, each.id) for each in ORDERS)
        return [each.id for each in ORDERS if _is_read(found, each)]


def _request(orders: list[Order]) -> dict[str, Any]:
    return {
        StubbedTable.NAME: {"Keys": [order_key(each.tenant_id, each.id) for each in orders], "ConsistentRead": True}
    }


def _is_read(found: OrdersRead, wanted: Order) -> bool:
    try:
        return found.get_recorded(wanted.tenant_id, wanted.id) == wanted
    except TransientError:
        return False


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """The table of a test."""
    with Table.open(monkeypatch) as opened:
        yield opened


def test_read_together_with_unprocessed_keys_reads_them_after_a_pause(table: Table) -> None:
    """Keys that DynamoDB leaves unprocessed are read again after a short pause, and then after a longer one."""
    first, second, third = ORDERS
    table.expect(ORDERS, [second])
    table.expect([first, third], [first])
    table.expect([third], [third])
    assert table.read() == [each.id for each in ORDERS]
    shorter, longer = table.pauses
    assert 0.05 <= shorter <= 0.1 <= longer <= 0.2


def test_read_together_still_unprocessed_is_left_to_redelivery(table: Table) -> None:
    """After three attempts, an order that was not read fails its own message, which is redelivered."""
    first, second, third = ORDERS
    table.expect(ORDERS, [first])
    table.expect([second, third], [second])
    table.expect([third], [])
    assert table.read() == [first.id, second.id]


def test_read_together_throttled_later_keeps_what_was_read(table: Table) -> None:
    """If a later attempt is throttled, the orders of the first one are not lost."""
    first, *rest = ORDERS
    table.expect(ORDERS, [first])
    table.throttle(rest)
    table.expect(rest, rest)
    assert table.read() == [each.id for each in ORDERS]


def test_read_together_in_full_does_not_pause(table: Table) -> None:
    """Orders that are read at once cost one request and no pause."""
    table.expect(ORDERS, ORDERS)
    assert table.read() == [each.id for each in ORDERS]
    assert table.pauses == []
