"""GET /v1.0/orders/{orderId}: one order, 200, 202 while it is not recorded, or 404."""

from http import HTTPStatus

from common import clients
from common.errors import OrderNotFoundError
from common.repository import Accepted, OrderRepository
from common.settings import settings
from common.status import ACCEPTED
from functions.adapters import rest

repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def get_order(request: rest.Request) -> rest.Response:
    """The order with its ETag; another tenant's order is not found, except by an admin."""
    caller = rest.caller(request)
    order_id = rest.parse_order_id(request)
    found = repository.find(caller.tenant_id, order_id)
    if found is None and caller.is_admin:
        found = repository.get_by_id(order_id)
    if found is None:
        raise OrderNotFoundError
    if isinstance(found, Accepted):
        body = {"orderId": order_id, "status": ACCEPTED}
        return rest.Response(HTTPStatus.ACCEPTED, body, headers={"Retry-After": "1"})
    return rest.Response(HTTPStatus.OK, found, headers={"ETag": rest.etag(found)})


lambda_handler = rest.rest_handler("GET", "/v1.0/orders/{orderId}", get_order)
