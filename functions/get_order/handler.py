"""GET /v1.0/orders/{orderId}: one order, 200 or 404 (R2)."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response

from common import clients
from common.repository import OrderRepository
from common.settings import settings
from functions.adapters import api
from functions.adapters.problems import NOT_FOUND_ORDER, ProblemError

app = api.create_app()
repository = OrderRepository(clients.dynamodb(), settings.orders_table)


@app.get("/v1.0/orders/<order_id>")
def get_order(order_id: str) -> Response[str]:
    """The order with its ETag; another tenant's order is not found, except by an admin."""
    caller = api.caller(app.current_event)
    wanted = api.parse_order_id(order_id)
    order = repository.get_by_id(wanted) if caller.is_admin else repository.get(caller.tenant_id, wanted)
    if order is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, NOT_FOUND_ORDER)
    return api.json_response(HTTPStatus.OK, order, headers={"ETag": api.etag(order)})


handler = api.lambda_handler(app)
