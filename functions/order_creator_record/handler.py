"""Order creation queue: prices, numbers and records an order, and publishes that."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.errors import PermanentError
from common.events import Envelope, OrderCreationRequested
from functions.adapters import sqs
from functions.order_creator_record.service import record


def consume(envelope: Envelope, context: LambdaContext) -> None:
    """Record the order of one message."""
    if not isinstance(envelope.payload, OrderCreationRequested):
        raise PermanentError(f"{envelope.event_type} is not for this function")
    record(envelope.payload, accepted_at=envelope.timestamp, correlation_id=envelope.correlation_id)


lambda_handler = sqs.sqs_handler(consume)
