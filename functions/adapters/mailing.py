"""Sending the mail of a message once (R4)."""

from collections.abc import Callable
from email.message import EmailMessage
from uuid import UUID

from aws_lambda_powertools.utilities.idempotency import idempotent_function
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clients, idempotency
from common.errors import TransientError
from common.mail import send
from common.models import Order
from common.observability import count
from common.repository import OrderRepository
from common.settings import settings

_config = idempotency.message_config()
_store = idempotency.store()
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

    It is sent twice only if the process dies between the answer of SES and the note of it.
    """
    _config.register_lambda_context(context)
    _send_once(identity=str(message_id), build=build)


@idempotent_function(data_keyword_argument="identity", persistence_store=_store, config=_config)  # type: ignore[untyped-decorator]
def _send_once(*, identity: str, build: Callable[[], EmailMessage]) -> str:
    sent = send(build())
    count("MailsSent")
    return sent
