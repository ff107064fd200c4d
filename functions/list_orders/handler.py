"""GET /v1.0/tenants/{tenantId}/orders: a tenant's orders, newest first."""

from http import HTTPStatus

from common import clients, paging
from common.errors import ForbiddenTenantError
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings
from common.table_items import item_json
from functions.adapters import rest
from functions.list_orders.query import parse_query

repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def list_orders(request: rest.Request) -> rest.Response:
    """A page of orders; another tenant's list is forbidden, except to an admin."""
    caller, tenant_id = rest.caller(request), rest.parse_tenant_id(request)
    if not caller.may_access(tenant_id):
        raise ForbiddenTenantError
    query = parse_query(tenant_id, request.query)
    page = repository.list_by_date(tenant_id, query.page_size, query.filters, query.position)
    items = [item_json(Order, item) for item in page.items]
    for item in items:
        # Twenty changes of a hundred orders are not worth their time in a list.
        item.pop("history", None)
    content: dict[str, object] = {"items": items, "moreAvailable": page.position is not None}
    if page.position:
        content["startAt"] = paging.encode(tenant_id, query.scope, page.position)
    return rest.Response(HTTPStatus.OK, content)


lambda_handler = rest.rest_handler({"GET /v1.0/tenants/{tenantId}/orders": list_orders})
