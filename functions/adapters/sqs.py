"""Between SQS and a consumer: partial batch failures, and when a failed message is delivered again."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from common import clients
from common.errors import PermanentError, TransientError
from common.events import Envelope, Event, parse
from common.observability import count_failed_call, logger, metrics
from common.settings import settings
from functions import freeze_startup_objects

MAX_DELAY_SECONDS = 900

Consumer = Callable[[Envelope, LambdaContext], None]
# The message of a body; None if there is nothing to do.
Parser = Callable[[str], Envelope | None]
Handler = Callable[[dict[str, Any], LambdaContext], Any]
Record = dict[str, Any]


def _delay_retry(record: Record, seconds: int) -> None:
    """Set when a failed message is delivered again; if that fails too, the queue's visibility timeout applies."""
    _, _, _, region, account, name = record["eventSourceARN"].split(":")
    try:
        clients.sqs().change_message_visibility(
            QueueUrl=f"https://sqs.{region}.amazonaws.com/{account}/{name}",
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=seconds,
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("visibility not changed", error_type=type(error).__name__)


def _delay_seconds(record: Record, error: Exception) -> int:
    attempts = int(record["attributes"]["ApproximateReceiveCount"])
    backoff: int = int(settings.retry_delay_seconds) * 2 ** (attempts - 1)
    required = error.wait_seconds if isinstance(error, TransientError) else 0
    return min(MAX_DELAY_SECONDS, max(backoff, required))


def sqs_handler(consume: Consumer, *events: type[Event], parse: Parser = parse) -> Handler:
    """Make the Lambda handler that passes each message of a batch to a consumer; other events than these are refused.

    A message whose consumer raises is reported as failed and redelivered: at once after a PermanentError, so that it
    reaches the DLQ without waiting; after any other error later with each attempt. The rest of the batch is processed.
    """

    def succeeds(record: Record, context: LambdaContext) -> bool:
        logger.set_correlation_id(None)
        try:
            envelope = parse(record["body"])
            if envelope is None:
                return True
            logger.set_correlation_id(envelope.correlation_id)
            if type(envelope.payload) not in events:
                raise PermanentError(f"{envelope.event_type} is not for this function")
            consume(envelope, context)
            return True
        except PermanentError as error:
            logger.error("message refused", reason=str(error), sqs_message_id=record["messageId"])
            _delay_retry(record, 0)
        except Exception as error:
            logger.exception("message failed", error_type=type(error).__name__, sqs_message_id=record["messageId"])
            _delay_retry(record, _delay_seconds(record, error))
            if not isinstance(error, TransientError):
                count_failed_call(context.function_name, context.function_version)
        return False

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        failed = [record["messageId"] for record in event["Records"] if not succeeds(record, context)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    freeze_startup_objects()
    wrapped: Handler = handler
    return wrapped
