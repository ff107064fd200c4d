"""What waits in queues and DLQs, and who takes it out.

Bodies may hold personal data: they are never printed, only what names a message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tooling.cli import UserError
from tooling.polling import poll

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_EMPTY_ANSWERS = 2
_HIDDEN_SECONDS = 30
_MOST_SHOWN = 100
_MOST_SEARCHED = 1_000


class QueueError(UserError):
    """A queue, message or consumer is not there; the text says which."""


@dataclass(frozen=True)
class State:
    """A queue.

    Args:
        name: of it.
        waiting: messages that can be taken.
        hidden: messages in work, or resting before their next try.
        consumer: state of its event source mapping, such as Enabled; None for a DLQ.
    """

    name: str
    waiting: int
    hidden: int
    consumer: str | None


@dataclass(frozen=True)
class DlqMessage:
    """A message in a DLQ, without what is private in it.

    Args:
        id: of SQS, as the functions' logs have it.
        sent: when.
        event_type: such as OrderRecorded; None if it is none of our messages.
        order_id: of the order that it is about.
        correlation_id: of the request that it came from.
    """

    id: str
    sent: datetime
    event_type: str | None
    order_id: str | None
    correlation_id: str | None


def url(sqs: SQSClient, queue: str) -> str:
    """The URL of a queue.

    Raises:
        QueueError: there is no such queue.
    """
    try:
        return sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        raise QueueError(f"there is no queue {queue!r}: `make queues` lists those that there are") from None


def _attributes(sqs: SQSClient, queue: str) -> dict[str, str]:
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url(sqs, queue), AttributeNames=["All"])["Attributes"]  # type: ignore[assignment]
    return found


def held(sqs: SQSClient, queue: str) -> int:
    """How many messages a queue has: waiting, resting, and in work.

    Raises:
        QueueError: there is no such queue.
    """
    attributes = _attributes(sqs, queue)
    return sum(int(attributes[f"ApproximateNumberOfMessages{which}"]) for which in ("", "NotVisible", "Delayed"))


def wait_idle(
    sqs: SQSClient,
    names: Iterable[str],
    seconds: float,
    *,
    interval: float = 0.05,
    pending: Callable[[], bool] = lambda: False,
) -> None:
    """Wait until every message has been handled or moved to a DLQ.

    Args:
        sqs: Client of the account that has the queues.
        names: Names of the queues.
        seconds: Longest time to wait.
        interval: Seconds between two looks.
        pending: Whether something else may still send a message.

    Raises:
        DeadlineError: A queue still has messages.
        QueueError: A queue does not exist.
    """
    # Twice, since a message can move from a queue not checked yet to one already checked.
    checked = 2 * list(names)

    def idle() -> bool | None:
        return None if pending() or any(held(sqs, name) for name in checked) or pending() else True

    poll("every message handled", idle, seconds, interval)


def dlq_of(sqs: SQSClient, queue: str) -> str:
    """The name of a queue's DLQ.

    Raises:
        QueueError: there is no such queue, or it has none.
    """
    policy = _attributes(sqs, queue).get("RedrivePolicy")
    if policy is None:
        raise QueueError(f"queue {queue} has no DLQ: name the queue that failed, not its DLQ")
    return str(json.loads(policy)["deadLetterTargetArn"]).rsplit(":", 1)[1]


def _consumer(sqs: SQSClient, functions: LambdaClient, queue: str) -> Any:
    """The event source mapping of a queue; None if it has none."""
    found = functions.list_event_source_mappings(EventSourceArn=_attributes(sqs, queue)["QueueArn"])
    return next(iter(found["EventSourceMappings"]), None)


def states(sqs: SQSClient, functions: LambdaClient, names: list[str]) -> list[State]:
    """Queues, in the order of their names given.

    Raises:
        QueueError: one is not there.
    """
    found = []
    for name in names:
        attributes, mapping = _attributes(sqs, name), _consumer(sqs, functions, name)
        found.append(
            State(
                name,
                int(attributes["ApproximateNumberOfMessages"]),
                int(attributes["ApproximateNumberOfMessagesNotVisible"]),
                mapping["State"] if mapping else None,
            )
        )
    return found


def consume(sqs: SQSClient, functions: LambdaClient, queue: str, enabled: bool) -> None:
    """Have the consumer of a queue take messages, or leave them there, where they keep.

    Raises:
        QueueError: there is no such queue, or nothing consumes it.
    """
    mapping = _consumer(sqs, functions, queue)
    if mapping is None:
        raise QueueError(f"nothing consumes queue {queue}")
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


def _take(sqs: SQSClient, queue_url: str, most: int) -> list[MessageTypeDef]:
    """The messages of a queue, hidden for a while from everybody else, so that each is met once."""
    found: list[MessageTypeDef] = []
    empty = 0
    while empty < _EMPTY_ANSWERS and len(found) < most:
        messages = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        found += messages
        empty = 0 if messages else empty + 1
    return found


def give_back(sqs: SQSClient, queue_url: str, messages: list[MessageTypeDef]) -> None:
    """Let everybody see messages again that were received, and not taken out."""
    for message in messages:
        # Of one whose time is up everybody sees it already.
        with suppress(sqs.exceptions.MessageNotInflight):
            sqs.change_message_visibility(
                QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


def _dlq_message(message: MessageTypeDef) -> DlqMessage:
    try:
        content = json.loads(message["Body"])
        event_type, correlation_id = content["eventType"], content["correlationId"]
        order_id = content["payload"]["orderId"]
    except (ValueError, KeyError, TypeError, RecursionError):
        event_type = order_id = correlation_id = None
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    return DlqMessage(message["MessageId"], sent, event_type, order_id, correlation_id)


def dlq_messages(sqs: SQSClient, queue: str) -> list[DlqMessage]:
    """What is in the DLQ of a queue, oldest first, some 100 at most; all of it stays there.

    Raises:
        QueueError: there is no such queue, or it has no DLQ.
    """
    dlq = url(sqs, dlq_of(sqs, queue))
    taken = _take(sqs, dlq, _MOST_SHOWN)
    give_back(sqs, dlq, taken)
    return sorted(map(_dlq_message, taken), key=lambda message: message.sent)


def drop(sqs: SQSClient, queue: str, message_id: str, folder: Path) -> Path:
    """Take a message that can never succeed out of the DLQ of a queue, into a file that only the user can read.

    Args:
        sqs: of the queue's account and region.
        queue: name of the queue, not of its DLQ.
        message_id: of SQS.
        folder: for the file.

    Raises:
        QueueError: there is no such queue, or no such message in its DLQ.
    """
    dlq = url(sqs, dlq_of(sqs, queue))
    found = _take(sqs, dlq, _MOST_SEARCHED)
    taken = next((message for message in found if message["MessageId"] == message_id), None)
    give_back(sqs, dlq, [message for message in found if message is not taken])
    if taken is None:
        raise QueueError(f"there is no message {message_id!r} in the DLQ of {queue}: `make dlq` lists what is there")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{queue}-{taken['MessageId']}"
    file.touch(mode=0o600)
    file.write_text(taken["Body"])
    sqs.delete_message(QueueUrl=dlq, ReceiptHandle=taken["ReceiptHandle"])
    return file
