"""Sends the mails of messages, each once."""

from collections.abc import Callable, Sequence
from email.message import EmailMessage
from functools import partial
from math import ceil
from uuid import UUID

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients
from common.errors import TransientError
from common.events import Envelope
from common.mail import send
from common.mail_records import MailRecords
from common.observability import attempt, count, logger
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings

orders = OrderRepository(clients.dynamodb(), settings.orders_table)
# As long as an order is kept: seven years, of which two can be leap years. A message that is redriven once comes back
# after 28 days at most: 14 days in its queue and DLQ, and 14 again. But a POST that is repeated after its own record
# has expired publishes it again at any time (docs/decisions/0016-mails.md).
_MAIL_RECORD_SECONDS = (7 * 365 + 2) * 24 * 60 * 60
_config = IdempotencyConfig(expires_after_seconds=_MAIL_RECORD_SECONDS)
_records = MailRecords(settings.idempotency_table, clients.dynamodb_for_mail_records())

type Build = Callable[[], EmailMessage]


def send_all(
    messages: Sequence[Envelope], mail_of: Callable[[Envelope, Order], Build | None], context: LambdaContext
) -> list[Exception | None]:
    """Send the mails of a batch of messages, each once; returns the error of each message, or None.

    A mail is sent twice only if the process dies, or the response of SES is lost, after SES has accepted the mail and
    before its idempotency record is written. Powertools computes from the context when the record of an unfinished
    mail expires.

    Args:
        mail_of: Returns what builds the mail of a message about an order, or None if there is no mail to send.
    """
    read = orders.get_all((message.payload.tenant_id, message.payload.order_id) for message in messages)

    def prepare(message: Envelope) -> Build | None:
        return mail_of(message, read.get_recorded(message.payload.tenant_id, message.payload.order_id))

    def finish(message: Envelope, mail: Build | Exception | None) -> Exception | None:
        if mail is None or isinstance(mail, Exception):
            return mail
        return attempt(message.correlation_id, partial(_send, message.message_id, mail, context))

    mails = [attempt(message.correlation_id, partial(prepare, message)) for message in messages]
    _config.register_lambda_context(context)
    _records.configure(_config, f"{_send_once.__module__}.{_send_once.__qualname__}")
    to_send = [str(message.message_id) for message, mail in zip(messages, mails, strict=True) if callable(mail)]
    _records.claim(to_send, context.get_remaining_time_in_millis())
    return list(map(finish, messages, mails))


def _send(message_id: UUID, build: Build, context: LambdaContext) -> None:
    try:
        _send_once(identity=str(message_id), build=build)
    except IdempotencyAlreadyInProgressError:
        # An earlier retry would use up the message's attempts before the other delivery can have ended.
        seconds = ceil(context.get_remaining_time_in_millis() / 1_000) + 1
        raise TransientError(f"message {message_id} is handled by another delivery", wait_seconds=seconds) from None


@idempotent_function(data_keyword_argument="identity", persistence_store=_records, config=_config)  # type: ignore[untyped-decorator]
def _send_once(*, identity: str, build: Build) -> str:
    sent = send(build())
    count("MailsSent")
    logger.info("mail sent", message_id=identity)
    return sent
