"""Customer notification queue: the confirmation, mails about a status or a rejection, and mails that failed."""

from collections.abc import Sequence
from email.message import EmailMessage

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients, notifications
from common.events import Envelope, InvoiceCreated, MailFailed, OrderRejected, OrderStatusChanged
from common.mail import mail_problem, order_confirmation, order_rejected, status_update
from common.mail_problem import MailKind
from common.observability import count, logger
from common.order import Order
from common.settings import settings
from functions.adapters import ses
from functions.adapters.sqs import sqs_batch_handler

_s3 = clients.s3()


def mail_of(envelope: Envelope, order: Order) -> notifications.Build | None:
    """The mail of a message about an order; None if it is not to be sent."""
    event = envelope.payload

    def build() -> EmailMessage:
        if isinstance(event, OrderStatusChanged):
            return status_update(order, event.to_status, envelope)
        if isinstance(event, MailFailed):
            return mail_problem(order, event.problem, envelope)
        if isinstance(event, OrderRejected):
            return order_rejected(order, envelope)
        invoice = _s3.get_object(Bucket=settings.orders_bucket, Key=event.invoice_key)["Body"].read()
        return order_confirmation(order, invoice, envelope)

    if isinstance(event, MailFailed) and not _record_problem(order, event):
        return None
    return build


def _record_problem(order: Order, event: MailFailed) -> bool:
    """Record on the order that its mail failed; False if no mail can notify the team of it."""
    problem = event.problem
    logger.warning("mail failed", order_id=str(order.id), **problem.dict(exclude={"at"}, exclude_none=True))
    if problem.mail is MailKind.INTERNAL:
        count("InternalMailsFailed")
        return False
    notifications.orders.add_mail_problem(order, problem)
    count("CustomerMailsFailed")
    return True


def consume(envelopes: Sequence[Envelope], context: LambdaContext) -> list[Exception | None]:
    """Send the mails of a batch of messages."""
    return notifications.send_all(envelopes, mail_of, context)


lambda_handler = sqs_batch_handler(
    consume, InvoiceCreated, OrderRejected, OrderStatusChanged, MailFailed, parse=ses.parse
)
