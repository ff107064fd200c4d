"""Internal notification queue: a mail to the internal team for each recorded order."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import notifications
from common.events import Envelope, OrderRecorded
from common.mail import order_notification
from functions.adapters.sqs import sqs_handler


def consume(envelope: Envelope, context: LambdaContext) -> None:
    """Send the mail of one message."""
    order = notifications.orders.get_recorded(envelope.payload.tenant_id, envelope.payload.order_id)
    notifications.send_once(envelope.message_id, lambda: order_notification(order, envelope), context)


lambda_handler = sqs_handler(consume, OrderRecorded)
