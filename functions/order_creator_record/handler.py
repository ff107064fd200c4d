"""Order creation queue: prices, numbers and records an order, and publishes that."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.events import Envelope, OrderCreationRequested
from functions.adapters.sqs import sqs_handler
from functions.order_creator_record.service import record


def consume(envelope: Envelope, context: LambdaContext) -> None:
    """Record the order of one message."""
    record(envelope.payload, accepted_at=envelope.timestamp, correlation_id=envelope.correlation_id)


lambda_handler = sqs_handler(consume, OrderCreationRequested)
