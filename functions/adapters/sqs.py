"""Between SQS and a consumer: partial batch failures, and when a failed message is delivered again."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from common import clients
from common.errors import PermanentError, TransientError
from common.events import Envelope, Event, parse
from common.observability import attempt, count_failed_call, logger, metrics
from common.settings import settings
from functions import freeze_startup_objects

MAX_DELAY_SECONDS = 900

Consumer = Callable[[Envelope, LambdaContext], None]
# Returns for each message the error that it failed with, or None.
BatchConsumer = Callable[[Sequence[Envelope], LambdaContext], Sequence[Exception | None]]
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


def _handle_failure(record: Record, error: Exception, context: LambdaContext) -> None:
    if isinstance(error, PermanentError):
        logger.error("message refused", reason=str(error), sqs_message_id=record["messageId"])
        _delay_retry(record, 0)
        return
    error_type, message_id = type(error).__name__, record["messageId"]
    logger.error("message failed", exc_info=error, error_type=error_type, sqs_message_id=message_id)
    _delay_retry(record, _delay_seconds(record, error))
    if not isinstance(error, TransientError):
        count_failed_call(context.function_name, context.function_version)


def sqs_handler(consume: Consumer, *events: type[Event], parse: Parser = parse) -> Handler:
    """Make the Lambda handler that passes the messages of a batch to a consumer one after another."""

    def consume_each(envelopes: Sequence[Envelope], context: LambdaContext) -> list[Exception | None]:
        return [attempt(each.correlation_id, partial(consume, each, context)) for each in envelopes]

    return sqs_batch_handler(consume_each, *events, parse=parse)


def sqs_batch_handler(consume: BatchConsumer, *events: type[Event], parse: Parser = parse) -> Handler:
    """Make the Lambda handler that passes a batch of messages to a consumer; other events than these are refused.

    A message that the consumer returns an error for is reported as failed and redelivered: at once after a
    PermanentError, so that it reaches the DLQ without waiting; after any other error later with each attempt. The rest
    of the batch is processed.
    """

    def parse_event(record: Record) -> Envelope | Exception | None:
        try:
            envelope = parse(record["body"])
            if envelope and type(envelope.payload) not in events:
                logger.set_correlation_id(envelope.correlation_id)
                return PermanentError(f"{envelope.event_type} is not for this function")
            return envelope
        except Exception as error:
            return error

    def consume_all(envelopes: Sequence[Envelope], context: LambdaContext) -> Sequence[Exception | None]:
        try:
            return consume(envelopes, context) if envelopes else []
        except Exception as error:
            return [error] * len(envelopes)

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        failed, good = list[Record](), list[tuple[Record, Envelope]]()
        for record in event["Records"]:
            logger.set_correlation_id(None)
            parsed = parse_event(record)
            if isinstance(parsed, Envelope):
                good.append((record, parsed))
            elif parsed:
                _handle_failure(record, parsed, context)
                failed.append(record)
        errors = consume_all([envelope for _, envelope in good], context)
        for (record, envelope), error in zip(good, errors, strict=True):
            if error:
                logger.set_correlation_id(envelope.correlation_id)
                _handle_failure(record, error, context)
                failed.append(record)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    freeze_startup_objects()
    wrapped: Handler = handler
    return wrapped
