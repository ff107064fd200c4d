"""Invoicing an order: renders the PDF, stores it once, publishes the event."""

from uuid import UUID

from botocore.exceptions import ClientError

from common import clients, events
from common.invoice import invoice_key, render_invoice
from common.observability import count, logger
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings

_repository = OrderRepository(clients.dynamodb(), settings.orders_table)
_s3 = clients.s3()
_sns = clients.sns()


def create_invoice(tenant_id: str, order_id: UUID, correlation_id: str) -> None:
    """Store an order's invoice and publish InvoiceCreated; a redelivered message only publishes.

    Raises TransientError if the order is not in the table.
    """
    order = _repository.get_recorded(tenant_id, order_id)
    key = order.invoice_key or _store(order)
    event = events.InvoiceCreated(tenant_id=order.tenant_id, order_id=order.id, invoice_key=key)
    events.publish(_sns, settings.order_events_topic_arn, event, correlation_id)


def _store(order: Order) -> str:
    key = invoice_key(order.tenant_id, order.id)
    try:
        _s3.put_object(
            Bucket=settings.orders_bucket,
            Key=key,
            Body=render_invoice(order),
            ContentType="application/pdf",
            # An invoice is issued once: a redelivered message keeps the one that is stored. A 409 does not say that
            # there is one, so it is raised, and the message is retried.
            IfNoneMatch="*",
        )
        count("InvoicesCreated")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
    _repository.set_invoice_key(order.tenant_id, order.id, key)
    logger.info("invoice created", order_id=str(order.id), order_number=order.order_number)
    return key
