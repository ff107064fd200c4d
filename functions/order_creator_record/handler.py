"""Order creation queue: prices, numbers and records the orders of a batch, and publishes that."""

from collections.abc import Sequence

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.events import Envelope, OrderCreationRequested
from functions.adapters.sqs import sqs_batch_handler
from functions.order_creator_record.service import record


def consume(envelopes: Sequence[Envelope], context: LambdaContext) -> list[Exception | None]:
    """Record the orders of a batch of messages."""
    return record(envelopes)


lambda_handler = sqs_batch_handler(consume, OrderCreationRequested)
