"""GET /v1.0/tenants/{tenantId}/orders: a tenant's orders, newest first (R2)."""

from http import HTTPStatus

from common import clients, paging
from common.item_json import shown
from common.models import Order
from common.repository import OrderRepository
from common.settings import settings
from functions.adapters import rest
from functions.adapters.problem_details import ProblemError
from functions.list_orders.query import parse_query

repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def list_orders(request: rest.Request) -> rest.Response:
    """A page of orders; another tenant's list is forbidden, except to an admin."""
    caller, tenant_id = rest.caller(request), request.path["tenantId"]
    if tenant_id != caller.tenant_id and not caller.is_admin:
        raise ProblemError(HTTPStatus.FORBIDDEN, "These are another tenant's orders.")
    query = parse_query(tenant_id, request.query)
    page = repository.list_by_date(tenant_id, query.page_size, query.narrowed, query.position)
    items = [shown(Order, item) for item in page.items]
    answer: dict[str, object] = {"items": items, "moreAvailable": page.position is not None}
    if page.position:
        answer["startAt"] = paging.encode(tenant_id, query.filters, page.position)
    return rest.json_response(HTTPStatus.OK, answer)


lambda_handler = rest.rest_handler("GET", "/v1.0/tenants/{tenantId}/orders", list_orders)
