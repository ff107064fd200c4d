"""Putting the messages of a DLQ back on their queue, here and in AWS.

SQS has StartMessageMoveTask for it, which the local engine lacks and which a message that fails again would keep busy;
this moves each message that was there when it began once, whatever comes back meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops import queues

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_HIDDEN_SECONDS = 30
_EMPTY_ANSWERS = 2


@dataclass(frozen=True)
class Redriven:
    """What was done.

    Args:
        moved: messages put back on the queue.
        left: messages that came to the DLQ meanwhile, or that somebody else looks at.
    """

    moved: int
    left: int


def redrive(sqs: SQSClient, queue: str) -> Redriven:
    """Put the messages of a queue's DLQ back on the queue.

    A message is sent before it is taken out: cut off in between, it is there twice, which its consumer passes over.
    So it is safe to repeat, and to run twice at once.

    Args:
        sqs: of the queue's account and region.
        queue: name of the queue, not of its DLQ.

    Raises:
        QueueError: there is no such queue, or it has no DLQ.
    """
    began = int(time.time() * 1_000)
    dlq_name = queues.dlq_of(sqs, queue)
    url, dlq = queues.url(sqs, queue), queues.url(sqs, dlq_name)
    moved = empty = 0
    seen: set[str] = set()
    new: list[MessageTypeDef] = []
    while empty < _EMPTY_ANSWERS:
        messages = sqs.receive_message(
            QueueUrl=dlq,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        fresh = [message for message in messages if message["MessageId"] not in seen]
        # A poison message is back within a second: what was sent after we began is not moved again.
        old = [message for message in fresh if int(message["Attributes"]["SentTimestamp"]) <= began]
        new += [message for message in fresh if message not in old]
        seen |= {message["MessageId"] for message in fresh}
        _move(sqs, url, dlq, old)
        moved += len(old)
        empty = 0 if old else empty + 1
    # Whoever looks into the DLQ now is to see them.
    queues.give_back(sqs, dlq, new)
    return Redriven(moved, queues.held(sqs, dlq_name))


def _move(sqs: SQSClient, url: str, dlq: str, messages: list[MessageTypeDef]) -> None:
    for message in messages:
        attributes: Any = {
            name: {key: value for key, value in attribute.items() if key in ("DataType", "StringValue", "BinaryValue")}
            for name, attribute in message.get("MessageAttributes", {}).items()
        }
        sqs.send_message(QueueUrl=url, MessageBody=message["Body"], MessageAttributes=attributes)
        sqs.delete_message(QueueUrl=dlq, ReceiptHandle=message["ReceiptHandle"])
