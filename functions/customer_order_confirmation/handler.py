"""Customer notification queue: the confirmation with the invoice, and a mail for each new status or a rejection."""

from email.message import EmailMessage

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients, notifications
from common.events import Envelope, InvoiceCreated, OrderRejected, OrderStatusChanged
from common.mail import order_confirmation, order_rejected, status_update
from common.settings import settings
from functions.adapters.sqs import sqs_handler

_s3 = clients.s3()


def consume(envelope: Envelope, context: LambdaContext) -> None:
    """Send the mail of one message."""
    event = envelope.payload
    order = notifications.orders.get_recorded(event.tenant_id, event.order_id)

    def build() -> EmailMessage:
        if isinstance(event, OrderStatusChanged):
            return status_update(order, event.to_status, envelope.correlation_id)
        if isinstance(event, OrderRejected):
            return order_rejected(order, envelope.correlation_id)
        invoice = _s3.get_object(Bucket=settings.orders_bucket, Key=event.invoice_key)["Body"].read()
        return order_confirmation(order, invoice, envelope.correlation_id)

    notifications.send_once(envelope.message_id, build, context)


lambda_handler = sqs_handler(consume, InvoiceCreated, OrderRejected, OrderStatusChanged)
