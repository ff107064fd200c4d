"""GET /v1.0/orders/{orderId}: one order, 200 or 404 (R2)."""

from http import HTTPStatus

from common import clients
from common.repository import OrderRepository
from common.settings import settings
from functions.adapters import rest
from functions.adapters.problem_details import NOT_FOUND_ORDER, ProblemError

repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def get_order(request: rest.Request) -> rest.Response:
    """The order with its ETag; another tenant's order is not found, except by an admin."""
    caller = rest.caller(request)
    wanted = rest.parse_order_id(request.path["orderId"])
    order = repository.get_by_id(wanted) if caller.is_admin else repository.get(caller.tenant_id, wanted)
    if order is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, NOT_FOUND_ORDER)
    return rest.json_response(HTTPStatus.OK, order, headers={"ETag": rest.etag(order)})


lambda_handler = rest.rest_handler("GET", "/v1.0/orders/{orderId}", get_order)
