"""Sending the mail of a message once (R4)."""

from collections.abc import Callable
from email.message import EmailMessage
from math import ceil
from uuid import UUID

from aws_lambda_powertools.utilities.idempotency import idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients, idempotency
from common.errors import TransientError
from common.mail import send
from common.models import Order
from common.observability import count, logger
from common.repository import OrderRepository
from common.settings import settings

_config = idempotency.message_config()
_store = idempotency.store(clients.dynamodb_for_notes())
_repository = OrderRepository(clients.dynamodb(), settings.orders_table)


def find_order(tenant_id: str, order_id: UUID) -> Order:
    """The order that a message is about.

    Raises:
        TransientError: it is not in the table.
    """
    order = _repository.get(tenant_id, order_id)
    if order is None:
        raise TransientError(f"order {order_id} is not in the table")
    return order


def send_once(message_id: UUID, build: Callable[[], EmailMessage], context: LambdaContext) -> None:
    """Build and send the mail of a message, unless that was done already.

    It is sent twice only if the process dies, or the answer of SES is lost, between its sending and the note of it.

    Raises:
        TransientError: another delivery of the message is at it, or died at it less than a time-out ago.
    """
    _config.register_lambda_context(context)
    try:
        _send_once(identity=str(message_id), build=build)
    except IdempotencyAlreadyInProgressError:
        # Sooner, the tries of the message would be used up before the other one can have ended.
        seconds = ceil(context.get_remaining_time_in_millis() / 1_000) + 1
        raise TransientError(f"message {message_id} is handled by another delivery", wait_seconds=seconds) from None


@idempotent_function(data_keyword_argument="identity", persistence_store=_store, config=_config)  # type: ignore[untyped-decorator]
def _send_once(*, identity: str, build: Callable[[], EmailMessage]) -> str:
    sent = send(build())
    count("MailsSent")
    logger.info("mail sent", message_id=identity)
    return sent
