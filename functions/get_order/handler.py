"""GET /v1.0/orders/{orderId}: one order, 200, 202 while it is not recorded, or 404.

GET /v1.0/orders/{orderId}/invoice: a redirect to its invoice, 302, 409 while there is none, or 404.
"""

from http import HTTPStatus

from common import clients
from common.errors import InvoiceNotReadyError, NoInvoiceError, OrderNotFoundError
from common.order import Order
from common.repository import Accepted, OrderRepository
from common.settings import settings
from common.status import ACCEPTED, OrderStatus
from functions.adapters import rest

INVOICE_SECONDS = 300

repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def _find(request: rest.Request) -> Order | Accepted:
    """The order of the path; another tenant's order is not found, except by an admin."""
    caller = rest.caller(request)
    order_id = rest.parse_order_id(request)
    found = repository.find(caller.tenant_id, order_id)
    if found is None and caller.is_admin:
        found = repository.get_by_id(order_id)
    if found is None:
        raise OrderNotFoundError
    return found


def get_order(request: rest.Request) -> rest.Response:
    """The order with its ETag."""
    found = _find(request)
    if isinstance(found, Accepted):
        body = {"orderId": rest.parse_order_id(request), "status": ACCEPTED}
        return rest.Response(HTTPStatus.ACCEPTED, body, headers={"Retry-After": "1"})
    return rest.Response(HTTPStatus.OK, found, headers={"ETag": rest.etag(found)})


def get_invoice(request: rest.Request) -> rest.Response:
    """A redirect to the order's invoice in S3, by a URL that anyone can use for five minutes."""
    order = _find(request)
    if isinstance(order, Order) and order.status is OrderStatus.REJECTED:
        raise NoInvoiceError
    if isinstance(order, Accepted) or order.invoice_key is None:
        raise InvoiceNotReadyError
    # Created here: most calls read an order, and another client makes their cold start slower.
    url = clients.s3_for_links(settings.bucket_addressing).generate_presigned_url(
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
