"""GET /v1.0/orders/{orderId}: one order, 200 or 404."""

from http import HTTPStatus

from common import clients
from common.errors import OrderNotFoundError
from common.repository import OrderRepository
from common.settings import settings
from functions.adapters import rest

repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def get_order(request: rest.Request) -> rest.Response:
    """The order with its ETag; another tenant's order is not found, except by an admin."""
    caller = rest.caller(request)
    order_id = rest.parse_order_id(request)
    order = repository.get_by_id(order_id) if caller.is_admin else repository.get(caller.tenant_id, order_id)
    if order is None:
        raise OrderNotFoundError
    return rest.Response(HTTPStatus.OK, order, headers={"ETag": rest.etag(order)})


lambda_handler = rest.rest_handler("GET", "/v1.0/orders/{orderId}", get_order)
