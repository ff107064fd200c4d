"""Moving the messages of a DLQ back to their queue."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from localstack.aws import Aws
from ops.queues import QueueError, Redriven, redrive


@dataclass
class Queues:
    """A queue and its DLQ."""

    aws: Aws
    name: str
    url: str
    dlq: str

    def bodies(self, url: str) -> list[str]:
        """Bodies of the waiting messages."""
        found: list[str] = []
        while messages := self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60).get(
            "Messages"
        ):
            found += [message["Body"] for message in messages]
        return sorted(found)


@pytest.fixture
def queues(aws: Aws) -> Queues:
    """A queue with a DLQ."""
    name = f"redriven-{uuid4().hex[:8]}"
    dlq = aws.sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:af-south-1:000000000000:{name}-dlq", "maxReceiveCount": 1}
    url = aws.sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy)})["QueueUrl"]
    return Queues(aws, name, url, dlq)


def test_redrive_repeated_moves_each_message_once(queues: Queues) -> None:
    """All messages of a DLQ are moved with their attributes; a second redrive moves nothing."""
    wanted = sorted(f"message {number}" for number in range(25))
    kind: Any = {"eventType": {"DataType": "String", "StringValue": "OrderRecorded"}}
    for body in wanted:
        queues.aws.sqs.send_message(QueueUrl=queues.dlq, MessageBody=body, MessageAttributes=kind)
    assert redrive(queues.aws.sqs, queues.name) == Redriven(moved=25, left=0)
    assert redrive(queues.aws.sqs, queues.name) == Redriven(moved=0, left=0)
    (one,) = queues.aws.sqs.receive_message(QueueUrl=queues.url, MessageAttributeNames=["All"], VisibilityTimeout=0)[
        "Messages"
    ]
    assert one["MessageAttributes"]["eventType"]["StringValue"] == "OrderRecorded"
    assert queues.bodies(queues.dlq) == []


def test_redrive_message_sent_in_same_millisecond_is_moved(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that arrived in the millisecond of the redrive is moved."""
    sqs = queues.aws.sqs
    sqs.send_message(QueueUrl=queues.dlq, MessageBody="just now")
    (sent,) = sqs.receive_message(
        QueueUrl=queues.dlq, VisibilityTimeout=0, MessageSystemAttributeNames=["SentTimestamp"]
    )["Messages"]
    monkeypatch.setattr("time.time", lambda: int(sent["Attributes"]["SentTimestamp"]) / 1_000)
    assert redrive(sqs, queues.name) == Redriven(moved=1, left=0)


def test_redrive_poison_message_is_moved_once(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that fails again during the redrive stays in the DLQ."""
    sqs = queues.aws.sqs
    sqs.send_message(QueueUrl=queues.dlq, MessageBody="poison")
    delete = sqs.delete_message

    def delete_and_fail_again(**request: Any) -> None:
        delete(**request)
        sqs.send_message(QueueUrl=queues.dlq, MessageBody="poison again")

    monkeypatch.setattr(sqs, "delete_message", delete_and_fail_again)
    assert redrive(sqs, queues.name) == Redriven(moved=1, left=1)
    assert queues.bodies(queues.url) == ["poison"]
    assert queues.bodies(queues.dlq) == ["poison again"], "the next reader sees it"


def test_redrive_unknown_queue_is_refused(queues: Queues) -> None:
    """A queue that does not exist, or has no DLQ, is named."""
    with pytest.raises(QueueError, match="there is no queue 'nothing'"):
        redrive(queues.aws.sqs, "nothing")
    with pytest.raises(QueueError, match="has no DLQ"):
        redrive(queues.aws.sqs, f"{queues.name}-dlq")
