"""SQS to consumer and back: partial batch failures, and how soon a failed message comes again (R4)."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from common import clients
from common.errors import PermanentError, TransientError
from common.events import Envelope, parse
from common.observability import logger, metrics
from common.settings import settings
from functions import freeze_startup_objects
from functions.adapters.powertools_batch import BatchProcessor, EventType, process_partial_response

MAX_DELAY_SECONDS = 900

Consumer = Callable[[Envelope, LambdaContext], None]
Handler = Callable[[dict[str, Any], LambdaContext], Any]


def _queue_url(arn: str) -> str:
    _, _, _, region, account, name = arn.split(":")
    return f"https://sqs.{region}.amazonaws.com/{account}/{name}"


def _come_again(record: SQSRecord, seconds: int) -> None:
    """Set when a failed message is delivered next; if that fails too, the queue's own time-out stands."""
    try:
        clients.sqs().change_message_visibility(
            QueueUrl=_queue_url(record.event_source_arn),
            ReceiptHandle=record.receipt_handle,
            VisibilityTimeout=seconds,
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("visibility not changed", error_type=type(error).__name__)


def _delay_seconds(record: SQSRecord, error: Exception) -> int:
    tries = int(record.attributes.approximate_receive_count)
    doubled: int = settings.retry_delay_seconds * 2 ** (tries - 1)
    wanted = error.wait_seconds if isinstance(error, TransientError) else 0
    return min(MAX_DELAY_SECONDS, max(doubled, wanted))


def sqs_handler(consume: Consumer) -> Handler:
    """The Lambda handler that gives each message of a batch to a consumer.

    A message whose consumer raises is reported as failed and comes again: at once after a PermanentError, so that it
    reaches the DLQ without waiting; later with each try after any other error. The rest of the batch is not held up.
    """
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def handle(record: SQSRecord, lambda_context: LambdaContext) -> None:
        try:
            envelope = parse(record.body)
            logger.set_correlation_id(envelope.correlation_id)
            consume(envelope, lambda_context)
        except PermanentError as error:
            logger.error("message refused", reason=str(error), sqs_message_id=record.message_id)
            _come_again(record, 0)
            raise
        except Exception as error:
            logger.exception("message failed", error_type=type(error).__name__, sqs_message_id=record.message_id)
            _come_again(record, _delay_seconds(record, error))
            raise

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        if not event["Records"]:
            # Powertools refuses an empty batch; to us it is a call that only warms the function.
            return {"batchItemFailures": []}
        return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)

    freeze_startup_objects()
    wrapped: Handler = handler
    return wrapped
