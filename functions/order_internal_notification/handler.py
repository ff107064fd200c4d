"""Internal notification queue: a mail to the internal team for each recorded order."""

from collections.abc import Sequence
from functools import partial

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import notifications
from common.events import Envelope, OrderRecorded
from common.mail import order_notification
from common.order import Order
from functions.adapters.sqs import sqs_batch_handler


def mail_of(envelope: Envelope, order: Order) -> notifications.Build:
    """The mail of a message about an order."""
    return partial(order_notification, order, envelope)


def consume(envelopes: Sequence[Envelope], context: LambdaContext) -> list[Exception | None]:
    """Send the mails of a batch of messages."""
    return notifications.send_all(envelopes, mail_of, context)


lambda_handler = sqs_batch_handler(consume, OrderRecorded)
