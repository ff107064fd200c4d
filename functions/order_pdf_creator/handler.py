"""PDF queue: the invoice of a recorded order."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.errors import PermanentError
from common.events import Envelope, EventType
from functions.adapters import sqs
from functions.order_pdf_creator.service import create_invoice


def consume(envelope: Envelope, context: LambdaContext) -> None:
    """Create the invoice of the order of one message."""
    if envelope.event_type is not EventType.ORDER_RECORDED:
        raise PermanentError(f"{envelope.event_type} is not for this function")
    create_invoice(envelope.payload.tenant_id, envelope.payload.order_id, envelope.correlation_id)


lambda_handler = sqs.sqs_handler(consume)
