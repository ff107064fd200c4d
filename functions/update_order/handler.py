"""PUT /v1.0/orders/{orderId}: status and payment details, with optimistic locking."""

from http import HTTPStatus

from common.order import OrderUpdate
from functions.adapters import rest
from functions.update_order.service import update


def update_order(request: rest.Request) -> rest.Response:
    """Change an order that is still in a version named by If-Match."""
    order = update(
        caller=rest.caller(request),
        order_id=rest.parse_order_id(request),
        expected_versions=rest.parse_if_match(request),
        change=rest.parse_body(request, OrderUpdate),
    )
    return rest.Response(HTTPStatus.OK, order, headers={"ETag": rest.etag(order)})


lambda_handler = rest.rest_handler({"PUT /v1.0/orders/{orderId}": update_order})
