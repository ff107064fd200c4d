"""GET /v1.0/orders/{orderId}: one order, 200 or 404. GET /v1.0/orders/{orderId}/invoice: where its invoice is, 302."""

from http import HTTPStatus

from common import clients
from common.errors import InvoiceNotReadyError, OrderNotFoundError
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings
from functions.adapters import rest

INVOICE_SECONDS = 300

repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def _find(request: rest.Request) -> Order:
    """The order of the path; another tenant's order is not found, except by an admin."""
    caller = rest.caller(request)
    order_id = rest.parse_order_id(request)
    order = repository.get_by_id(order_id) if caller.is_admin else repository.get(caller.tenant_id, order_id)
    if order is None:
        raise OrderNotFoundError
    return order


def get_order(request: rest.Request) -> rest.Response:
    """The order with its ETag."""
    order = _find(request)
    return rest.Response(HTTPStatus.OK, order, headers={"ETag": rest.etag(order)})


def get_invoice(request: rest.Request) -> rest.Response:
    """A redirect to the order's invoice in S3, by a URL that anyone can use for five minutes."""
    order = _find(request)
    if order.invoice_key is None:
        raise InvoiceNotReadyError
    # Created here: most calls read an order, and another client makes their cold start slower.
    url = clients.s3_for_links().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings.orders_bucket,
            "Key": order.invoice_key,
            "ResponseCacheControl": "no-store",
            "ResponseContentDisposition": f'attachment; filename="{order.order_number}.pdf"',
        },
        ExpiresIn=INVOICE_SECONDS,
    )
    return rest.Response(HTTPStatus.FOUND, None, headers={"Location": url})


lambda_handler = rest.rest_handler(
    {"GET /v1.0/orders/{orderId}": get_order, "GET /v1.0/orders/{orderId}/invoice": get_invoice}
)
