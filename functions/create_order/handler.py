"""POST /v1.0/orders: validates an order, queues it, responds 202."""

from http import HTTPStatus

from common.models import OrderRequest
from functions.adapters import rest
from functions.create_order.service import accept


def create_order(request: rest.Request) -> rest.Response:
    """Accept an order; with an Idempotency-Key, once for each key."""
    order_id = accept(
        caller=rest.caller(request),
        request=rest.parse_body(request, OrderRequest),
        idempotency_key=rest.parse_idempotency_key(request),
        context=request.context,
    )
    return rest.Response(HTTPStatus.ACCEPTED, {"orderId": order_id}, headers={"Location": f"orders/{order_id}"})


lambda_handler = rest.rest_handler({"POST /v1.0/orders": create_order})
