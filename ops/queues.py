"""Queues and DLQs: what they hold, whether they are consumed, and moving DLQ messages back.

Functions take the name of a queue, not of its DLQ, and raise QueueError if there is no such queue, or if they need its
DLQ and it has none. Bodies may hold personal data, so only ids and the event type are shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tooling.cli import UserError
from tooling.polling import poll

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_EMPTY_RESPONSES = 2
_HIDDEN_SECONDS = 30
_MOST_SHOWN = 100
_MOST_SEARCHED = 1_000


class QueueError(UserError):
    """A queue, message or consumer does not exist; the text says which."""


class QueueState(NamedTuple):
    """How many messages of a queue can be received, and how many are in flight or back off before the next attempt.

    `consumer` is the state of its event source mapping, such as Enabled; None for a DLQ.
    """

    name: str
    waiting: int
    hidden: int
    consumer: str | None


class DlqMessage(NamedTuple):
    """A message in a DLQ without its personal data: id, as in the functions' logs; when it was sent; what it is."""

    id: str
    sent: datetime
    event: str


class Redriven(NamedTuple):
    """How many messages a redrive moved, and how many are left: they arrived meanwhile, or somebody received them."""

    moved: int
    left: int


def url(sqs: SQSClient, queue: str) -> str:
    """URL of a queue."""
    try:
        return sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        raise QueueError(f"there is no queue {queue!r}: `bin/ops queues` with the same --target lists them") from None


def _attributes(sqs: SQSClient, queue: str) -> dict[str, str]:
    return _attributes_at(sqs, url(sqs, queue))


def _attributes_at(sqs: SQSClient, queue_url: str) -> dict[str, str]:
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]  # type: ignore[assignment]
    return found


def held(sqs: SQSClient, queue: str) -> int:
    """Number of messages in a queue: waiting, in flight and delayed."""
    return _held_at(sqs, url(sqs, queue))


def _held_at(sqs: SQSClient, queue_url: str) -> int:
    attributes = _attributes_at(sqs, queue_url)
    return sum(int(attributes[f"ApproximateNumberOfMessages{which}"]) for which in ("", "NotVisible", "Delayed"))


def wait_idle(
    sqs: SQSClient,
    names: Iterable[str],
    seconds: float,
    *,
    interval: float | None = None,
    pending: Callable[[], bool] = lambda: False,
) -> None:
    """Wait until every message has been handled or moved to a DLQ, and nothing is `pending` that may send another.

    Raises DeadlineError: A queue still has messages.
    """
    # Twice, since a message can move from a queue not checked yet to one already checked.
    checked = 2 * [url(sqs, name) for name in names]

    def idle() -> bool | None:
        return None if pending() or any(_held_at(sqs, each) for each in checked) or pending() else True

    poll("every message handled", idle, seconds, interval)


def dlq_of(sqs: SQSClient, queue: str) -> str:
    """Name of a queue's DLQ."""
    policy = _attributes(sqs, queue).get("RedrivePolicy")
    if policy is None:
        raise QueueError(f"queue {queue} has no DLQ: name the queue whose messages failed, not its DLQ")
    return str(json.loads(policy)["deadLetterTargetArn"]).rsplit(":", 1)[1]


def _consumer(sqs: SQSClient, functions: LambdaClient, queue: str) -> Any:
    """Event source mapping of a queue; None if it has none."""
    found = functions.list_event_source_mappings(EventSourceArn=_attributes(sqs, queue)["QueueArn"])
    return next(iter(found["EventSourceMappings"]), None)


def states(sqs: SQSClient, functions: LambdaClient, names: list[str]) -> list[QueueState]:
    """What queues hold, in the order of their names."""
    found = []
    for name in names:
        attributes, mapping = _attributes(sqs, name), _consumer(sqs, functions, name)
        waiting, hidden = (int(attributes[f"ApproximateNumberOfMessages{which}"]) for which in ("", "NotVisible"))
        found.append(QueueState(name, waiting, hidden, mapping["State"] if mapping else None))
    return found


def enable_consumer(sqs: SQSClient, functions: LambdaClient, queue: str, enabled: bool) -> None:
    """Enable or disable the consumer of a queue; messages stay in the queue while it is disabled.

    Raises QueueError: there is no such queue, or it has no consumer.
    """
    mapping = _consumer(sqs, functions, queue)
    if mapping is None:
        raise QueueError(f"queue {queue} has no consumer: name a queue, not a DLQ")
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


def _receive(sqs: SQSClient, queue_url: str) -> list[MessageTypeDef]:
    """Up to ten messages of a queue, hidden from other consumers for a while."""
    return sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=_HIDDEN_SECONDS,
        WaitTimeSeconds=1,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["SentTimestamp"],
    ).get("Messages", [])


def _receive_all(sqs: SQSClient, queue_url: str, most: int) -> list[MessageTypeDef]:
    """The messages of a queue, each of them once."""
    found: list[MessageTypeDef] = []
    empty = 0
    while empty < _EMPTY_RESPONSES and len(found) < most:
        messages = _receive(sqs, queue_url)
        found += messages
        empty = 0 if messages else empty + 1
    return found


def _release(sqs: SQSClient, queue_url: str, messages: list[MessageTypeDef]) -> None:
    """Make messages visible again that were received and not deleted."""
    for message in messages:
        # A message whose visibility timeout has passed is visible already.
        with suppress(sqs.exceptions.MessageNotInflight):
            handle = message["ReceiptHandle"]
            sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=0)


def _sent(message: MessageTypeDef) -> int:
    """When a message was sent, in milliseconds since the epoch."""
    return int(message["Attributes"]["SentTimestamp"])


def _dlq_message(message: MessageTypeDef) -> DlqMessage:
    try:
        content = json.loads(message["Body"])
        order_id, correlation_id = content["payload"]["orderId"], content["correlationId"]
        event = f"{content['eventType']} order {order_id} correlation {correlation_id}"
    except (ValueError, KeyError, TypeError, RecursionError):
        event = "not an event of this service"
    return DlqMessage(message["MessageId"], datetime.fromtimestamp(_sent(message) / 1_000, UTC), event)


def dlq_messages(sqs: SQSClient, queue: str) -> list[DlqMessage]:
    """The messages in the DLQ of a queue, oldest first, about 100 at most; they stay in the DLQ."""
    dlq = url(sqs, dlq_of(sqs, queue))
    received = _receive_all(sqs, dlq, _MOST_SHOWN)
    _release(sqs, dlq, received)
    return sorted(map(_dlq_message, received), key=lambda message: message.sent)


def drop(sqs: SQSClient, queue: str, message_id: str, folder: Path) -> Path:
    """Delete a message from the DLQ of a queue, and keep it in a file of the folder that only the user can read.

    Raises QueueError: there is no such queue, or no such message in its DLQ.
    """
    dlq = url(sqs, dlq_of(sqs, queue))
    received = _receive_all(sqs, dlq, _MOST_SEARCHED)
    dropped = next((message for message in received if message["MessageId"] == message_id), None)
    _release(sqs, dlq, [message for message in received if message is not dropped])
    if dropped is None:
        raise QueueError(f"there is no message {message_id!r} in the DLQ of {queue}: `bin/ops dlq {queue}` lists them")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{queue}-{dropped['MessageId']}"
    file.touch(mode=0o600)
    file.write_text(dropped["Body"])
    sqs.delete_message(QueueUrl=dlq, ReceiptHandle=dropped["ReceiptHandle"])
    return file


def redrive(sqs: SQSClient, queue: str) -> Redriven:
    """Move each message that is in a queue's DLQ now back to the queue, once.

    SQS has StartMessageMoveTask for this; the local engine lacks it, and it would move a message that fails again in an
    endless loop. A message is sent before it is deleted. If that is interrupted, the message is there twice, and its
    consumer skips the duplicate: a redrive can be repeated, and run twice at once.
    """
    began = int(time.time() * 1_000)
    dlq_name = dlq_of(sqs, queue)
    queue_url, dlq = url(sqs, queue), url(sqs, dlq_name)
    moved = empty = 0
    seen: set[str] = set()
    new: list[MessageTypeDef] = []
    while empty < _EMPTY_RESPONSES:
        messages = [message for message in _receive(sqs, dlq) if message["MessageId"] not in seen]
        seen |= {message["MessageId"] for message in messages}
        # A poison message is back within a second, and must not be moved again.
        old = [message for message in messages if _sent(message) <= began]
        new += [message for message in messages if message not in old]
        for message in old:
            _move(sqs, queue_url, dlq, message)
        moved += len(old)
        empty = 0 if old else empty + 1
    _release(sqs, dlq, new)
    return Redriven(moved, held(sqs, dlq_name))


def _move(sqs: SQSClient, queue_url: str, dlq: str, message: MessageTypeDef) -> None:
    attributes: Any = {
        name: {key: value for key, value in attribute.items() if key in ("DataType", "StringValue", "BinaryValue")}
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    sqs.send_message(QueueUrl=queue_url, MessageBody=message["Body"], MessageAttributes=attributes)
    sqs.delete_message(QueueUrl=dlq, ReceiptHandle=message["ReceiptHandle"])
