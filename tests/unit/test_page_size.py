"""Pages of very large orders: Lambda rejects a response above 6 MB."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from common.order import OrderItem
from common.repository import OrderRepository
from common.table_items import attributes_of, item_size
from functions.list_orders import handler
from tests.support.lambda_events import api_event, context
from tests.support.samples import order

LAMBDA_BYTES = 6_291_556
QUERY_BYTES = 1024 * 1024


@pytest.mark.parametrize("letter", ['"', "é", "北"])
def test_page_of_large_orders_fits_a_response(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page ends early when its orders are so large that the response would be rejected, whatever their letters."""
    prices = {"unitPrice": "1.00", "lineTotal": "1.00"}
    line = OrderItem.parse_obj({"productId": "p-1", "name": letter * 500, "quantity": 1, **prices})
    item: Any = attributes_of(order(items=[line] * (180 // len(letter.encode()))))
    full = QUERY_BYTES // item_size(item)
    assert full > 9

    def pages(first: int) -> Iterator[dict[str, Any]]:
        for items in (first, full, full, full):
            yield {"Items": [item] * items, "LastEvaluatedKey": item}

    # DynamoDB may also return less than it could.
    for first in range(1, full + 1):
        client = Mock(query=Mock(side_effect=pages(first)))
        monkeypatch.setattr(handler, "repository", OrderRepository(client, "orders"))
        path = "/v1.0/tenants/tenant-a/orders"
        response = handler.lambda_handler(api_event("GET", path, query={"pageSize": "100"}), context())
        body = json.loads(response["body"])
        assert len(json.dumps(response)) <= LAMBDA_BYTES
        assert body["moreAvailable"]
        assert body["startAt"]
        assert len(body["items"]) >= first
