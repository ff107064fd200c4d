"""Pages of very large orders: Lambda rejects a response above 6 MB, which engines do not."""

import json
from typing import Any
from unittest.mock import Mock

from common.repository import OrderFilter, OrderRepository

LAMBDA_BYTES = 6 * 1024 * 1024


def test_page_of_large_orders_fits_a_response() -> None:
    """A page ends early when its orders are so large that the response would be rejected."""
    # DynamoDB returns at most 1 MB a query, counted in UTF-8; JSON escapes each of these characters as six bytes.
    item = {"name": {"S": "é" * 130_000}, "GSI1_SK": {"S": "2026-11-26T10:00:00Z#1"}}

    def query(**request: Any) -> dict[str, Any]:
        return {"Items": [item] * 4, "LastEvaluatedKey": item}

    page = OrderRepository(Mock(query=query), "orders").list_by_date("tenant", 100, OrderFilter())
    assert len(page.items) == 4
    assert page.position
    assert len(json.dumps(list(page.items))) < LAMBDA_BYTES
