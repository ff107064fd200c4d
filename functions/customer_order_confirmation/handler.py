"""Customer notification queue: the confirmation with the invoice, and a mail for each new status."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients, notifications
from common.errors import PermanentError
from common.events import Envelope, InvoiceCreated, OrderStatusChanged
from common.mail import order_confirmation, status_update
from common.settings import settings
from functions.adapters import sqs

_s3 = clients.s3()


def consume(envelope: Envelope, context: LambdaContext) -> None:
    """Send the mail of one message."""
    event, correlation_id = envelope.payload, envelope.correlation_id
    if not isinstance(event, InvoiceCreated | OrderStatusChanged):
        raise PermanentError(f"{envelope.event_type} is not for this function")
    order = notifications.orders.get_recorded(event.tenant_id, event.order_id)
    if isinstance(event, InvoiceCreated):
        key = event.invoice_key
        notifications.send_once(
            envelope.message_id, lambda: order_confirmation(order, _invoice(key), correlation_id), context
        )
    else:
        status = event.to_status
        notifications.send_once(envelope.message_id, lambda: status_update(order, status, correlation_id), context)


def _invoice(key: str) -> bytes:
    return _s3.get_object(Bucket=settings.orders_bucket, Key=key)["Body"].read()


lambda_handler = sqs.sqs_handler(consume)
