"""POST /v1.0/orders: validates an order, queues it, answers 202 (R2)."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response

from common.models import OrderRequest
from functions.adapters import api
from functions.create_order.service import accept

app = api.create_app()


@app.post("/v1.0/orders")
def create_order() -> Response[str]:
    """Accept an order; with an Idempotency-Key, once for each key."""
    event = app.current_event
    order_id = accept(
        caller=api.caller(event),
        request=api.parse_body(event, OrderRequest),
        idempotency_key=event.headers.get("idempotency-key"),
        context=app.lambda_context,
    )
    return api.json_response(HTTPStatus.ACCEPTED, {"orderId": order_id}, headers={"Location": f"orders/{order_id}"})


handler = api.lambda_handler(app)
