"""PDF queue: the invoice of a recorded order."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.events import Envelope, OrderRecorded
from functions.adapters.sqs import sqs_handler
from functions.order_pdf_creator.service import create_invoice


def consume(envelope: Envelope, context: LambdaContext) -> None:
    """Create the invoice of the order of one message."""
    create_invoice(envelope.payload.tenant_id, envelope.payload.order_id, envelope.correlation_id)


lambda_handler = sqs_handler(consume, OrderRecorded)
