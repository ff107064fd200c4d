"""Sends the mail of a message once."""

from collections.abc import Callable
from email.message import EmailMessage
from math import ceil
from uuid import UUID

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients
from common.errors import TransientError
from common.mail import send
from common.observability import count, logger
from common.repository import OrderRepository
from common.settings import settings

orders = OrderRepository(clients.dynamodb(), settings.orders_table)
# As long as an order is kept: seven years, of which two can be leap years. A message that is redriven once comes back
# after 28 days at most: 14 days in its queue and DLQ, and 14 again. But a POST that is repeated after its own record
# has expired publishes it again at any time (docs/decisions/0016-mails.md).
_MAIL_RECORD_SECONDS = (7 * 365 + 2) * 24 * 60 * 60
_config = IdempotencyConfig(expires_after_seconds=_MAIL_RECORD_SECONDS)
_records = DynamoDBPersistenceLayer(settings.idempotency_table, boto3_client=clients.dynamodb_for_mail_records())


def send_once(message_id: UUID, build: Callable[[], EmailMessage], context: LambdaContext) -> None:
    """Build and send the mail of a message, unless it was sent before.

    A mail is sent twice only if the process dies, or the response of SES is lost, after SES has accepted the mail and
    before its idempotency record is written. Powertools computes from the context when the record of an unfinished
    mail expires. Raises TransientError if another delivery is being handled, or died less than a function timeout ago.
    """
    _config.register_lambda_context(context)
    try:
        _send_once(identity=str(message_id), build=build)
    except IdempotencyAlreadyInProgressError:
        # An earlier retry would use up the message's attempts before the other delivery can have ended.
        seconds = ceil(context.get_remaining_time_in_millis() / 1_000) + 1
        raise TransientError(f"message {message_id} is handled by another delivery", wait_seconds=seconds) from None


@idempotent_function(data_keyword_argument="identity", persistence_store=_records, config=_config)  # type: ignore[untyped-decorator]
def _send_once(*, identity: str, build: Callable[[], EmailMessage]) -> str:
    sent = send(build())
    count("MailsSent")
    logger.info("mail sent", message_id=identity)
    return sent
