"""Orders that are read together, of which DynamoDB leaves some unprocessed: engines always read all of them."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest
from botocore.stub import Stubber

from common.errors import TransientError
from common.order import Order
from common.repository import OrderRepository, OrdersRead
from common.table_items import attributes_of, order_key
from tests.support.samples import order

TABLE = "orders"
ORDERS = [order(f"ORD-2026-0000{n}") for n in (1, 2, 3)]


class Table:
    """A table that responds as a test expects, and the pauses in seconds between the requests to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = boto3.client("dynamodb", region_name="af-south-1")
        self.stubber = Stubber(client)
        self.pauses: list[float] = []
        self._repository = OrderRepository(client, TABLE)
        monkeypatch.setattr(time, "sleep", self.pauses.append)

    def expect(self, asked: list[Order], read: list[Order]) -> None:
        """Expect a request for orders, and read only some of them."""
        left = [each for each in asked if each not in read]
        response: dict[str, Any] = {
            "Responses": {TABLE: [attributes_of(each) for each in read]},
            "UnprocessedKeys": _request(left) if left else {},
        }
        self.stubber.add_response("batch_get_item", response, {"RequestItems": _request(asked)})

    def throttle(self, asked: list[Order]) -> None:
        """Expect a request for orders, and read none of them."""
        code, request = "ProvisionedThroughputExceededException", {"RequestItems": _request(asked)}
        self.stubber.add_client_error("batch_get_item", code, expected_params=request)

    def read(self) -> list[UUID]:
        """Read all orders; returns the ids of those that were read."""
        found = self._repository.get_all((each.tenant_id, each.id) for each in ORDERS)
        return [each.id for each in ORDERS if _is_read(found, each)]


def _request(orders: list[Order]) -> dict[str, Any]:
    return {TABLE: {"Keys": [order_key(each.tenant_id, each.id) for each in orders], "ConsistentRead": True}}


def _is_read(found: OrdersRead, wanted: Order) -> bool:
    try:
        return found.get_recorded(wanted.tenant_id, wanted.id) == wanted
    except TransientError:
        return False


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """A table that must get every request that the test expects, and no other."""
    made = Table(monkeypatch)
    with made.stubber:
        yield made
        made.stubber.assert_no_pending_responses()


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
