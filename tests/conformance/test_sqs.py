"""Queues: batches, visibility, redrive."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from tests.conformance.engines import Clients
from tests.conformance.resources import ARRIVAL_SECONDS, Queue, Resources, code_of, unique
from tooling.polling import poll


def send(aws: Clients, queue: Queue, body: str = "order", **options: Any) -> str:
    """Send a message and return its id."""
    message_id: str = aws("sqs").send_message(QueueUrl=queue.url, MessageBody=body, **options)["MessageId"]
    return message_id


def empty(aws: Clients, queue: Queue) -> bool:
    """Whether a queue is empty; long polling queries all of its servers."""
    return "Messages" not in aws("sqs").receive_message(QueueUrl=queue.url, WaitTimeSeconds=1)


def test_message_is_received_as_sent(aws: Clients, make: Resources) -> None:
    """A message is received with its body, attributes, time of sending and receive count.

    Source: SQS API Reference, "ReceiveMessage"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
    """
    queue = make.queue()
    attribute = {"eventType": {"DataType": "String", "StringValue": "OrderRecorded"}}
    sent = send(aws, queue, "Grüße, 你好", MessageAttributes=attribute)
    message = make.received(queue)
    assert (message["MessageId"], message["Body"]) == (sent, "Grüße, 你好")
    assert message["MessageAttributes"]["eventType"]["StringValue"] == "OrderRecorded"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert int(message["Attributes"]["ApproximateFirstReceiveTimestamp"]) >= int(message["Attributes"]["SentTimestamp"])


def test_received_message_is_hidden(aws: Clients, make: Resources) -> None:
    """A received message is hidden from other receivers until its visibility timeout ends.

    Source: SQS Developer Guide, "Amazon SQS visibility timeout"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
    """
    queue = make.queue(VisibilityTimeout="60")
    send(aws, queue)
    make.received(queue)
    assert empty(aws, queue)


def test_visibility_0_redelivers_at_once(aws: Clients, make: Resources) -> None:
    """ChangeMessageVisibility to 0 redelivers a message at once, with a higher receive count.

    Source: SQS API Reference, "ChangeMessageVisibility"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
    """
    queue = make.queue(VisibilityTimeout="600")
    send(aws, queue)
    first = make.received(queue, VisibilityTimeout=600)
    aws("sqs").change_message_visibility(QueueUrl=queue.url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    again = make.received(queue)
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_visibility_over_12_hours_is_refused(aws: Clients, make: Resources) -> None:
    """A visibility timeout of more than 12 hours is refused with InvalidParameterValue.

    Source: SQS API Reference, "ChangeMessageVisibility"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
    """
    queue = make.queue()
    send(aws, queue)
    handle = make.received(queue)["ReceiptHandle"]
    code = code_of(
        lambda: aws("sqs").change_message_visibility(QueueUrl=queue.url, ReceiptHandle=handle, VisibilityTimeout=43_201)
    )
    assert code.endswith("InvalidParameterValue")


def test_deleted_message_is_not_redelivered(aws: Clients, make: Resources) -> None:
    """DeleteMessage deletes a message for good.

    Source: SQS API Reference, "DeleteMessage"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
    """
    queue = make.queue(VisibilityTimeout="1")
    send(aws, queue)
    handle = make.received(queue, VisibilityTimeout=1)["ReceiptHandle"]
    aws("sqs").delete_message(QueueUrl=queue.url, ReceiptHandle=handle)
    assert "Messages" not in aws("sqs").receive_message(QueueUrl=queue.url, WaitTimeSeconds=2)


def test_old_receipt_handle_is_accepted(aws: Clients, make: Resources) -> None:
    """DeleteMessage with the receipt handle of an earlier receive succeeds.

    Source: SQS API Reference, "DeleteMessage"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
    """
    queue = make.queue()
    send(aws, queue)
    old = make.received(queue, VisibilityTimeout=0)["ReceiptHandle"]
    make.received(queue)
    aws("sqs").delete_message(QueueUrl=queue.url, ReceiptHandle=old)


def test_message_goes_to_the_dlq_after_its_attempts(aws: Clients, make: Resources) -> None:
    """A message received maxReceiveCount times goes to the DLQ at the next receive, with its body and attributes.

    Source: SQS Developer Guide, "Using dead-letter queues in Amazon SQS"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
    """
    dlq = make.queue()
    redrive = json.dumps({"deadLetterTargetArn": dlq.arn, "maxReceiveCount": 2})
    queue = make.queue(RedrivePolicy=redrive)
    attribute = {"eventType": {"DataType": "String", "StringValue": "OrderRecorded"}}
    sent = send(aws, queue, "poison", MessageAttributes=attribute)
    for _ in range(2):
        make.received(queue, VisibilityTimeout=0)

    def moved() -> bool | None:
        return (empty(aws, queue) and "Messages" in look()) or None

    def look() -> Any:
        return aws("sqs").receive_message(QueueUrl=dlq.url, VisibilityTimeout=0)

    poll("the message in the DLQ", moved, ARRIVAL_SECONDS)
    message = make.received(dlq)
    assert (message["MessageId"], message["Body"]) == (sent, "poison")
    assert message["MessageAttributes"]["eventType"]["StringValue"] == "OrderRecorded"


def test_queue_counts_waiting_and_hidden_messages(aws: Clients, make: Resources) -> None:
    """A queue counts its waiting messages and its hidden ones.

    Source: SQS API Reference, "GetQueueAttributes"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
    """
    queue = make.queue()
    for _ in range(3):
        send(aws, queue)
    make.received(queue, MaxNumberOfMessages=1)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def counted() -> bool | None:
        found = aws("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
        return [found[name] for name in names] == ["2", "1"] or None

    # The counts are eventually consistent.
    assert poll("two wait and one is hidden", counted, 90)


def test_batch_reports_each_failed_message(aws: Clients, make: Resources) -> None:
    """SendMessageBatch sends the valid messages and reports each other with SenderFault.

    Source: SQS API Reference, "SendMessageBatch"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
    """
    queue = make.queue()
    entries = [
        {"Id": "good", "MessageBody": "good"},
        {"Id": "late", "MessageBody": "late", "DelaySeconds": 901},
    ]
    response = aws("sqs").send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [entry["Id"] for entry in response["Successful"]] == ["good"]
    assert [(entry["Id"], entry["SenderFault"]) for entry in response["Failed"]] == [("late", True)]
    assert make.received(queue)["Body"] == "good"


def test_delete_batch_reports_each_failed_handle(aws: Clients, make: Resources) -> None:
    """DeleteMessageBatch deletes what it can and reports each invalid handle.

    Source: SQS API Reference, "DeleteMessageBatch"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
    """
    queue = make.queue()
    send(aws, queue)
    handle = make.received(queue)["ReceiptHandle"]
    entries = [{"Id": "good", "ReceiptHandle": handle}, {"Id": "bad", "ReceiptHandle": "no handle"}]
    response = aws("sqs").delete_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [entry["Id"] for entry in response["Successful"]] == ["good"]
    assert [entry["Id"] for entry in response["Failed"]] == ["bad"]


def test_batch_of_wrong_size_is_refused(aws: Clients, make: Resources) -> None:
    """A batch without messages, with eleven, or with the same id twice is refused.

    Source: SQS API Reference, "SendMessageBatch", errors
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
    """
    queue = make.queue()

    def refused_with(*ids: str) -> str:
        entries = [{"Id": name, "MessageBody": "x"} for name in ids]
        return code_of(lambda: aws("sqs").send_message_batch(QueueUrl=queue.url, Entries=entries)).rpartition(".")[2]

    assert refused_with() == "EmptyBatchRequest"
    assert refused_with(*(str(number) for number in range(11))) == "TooManyEntriesInBatchRequest"
    assert refused_with("same", "same") == "BatchEntryIdsNotDistinct"


def test_message_over_one_mebibyte_is_refused(aws: Clients, make: Resources) -> None:
    """A message of more than 1 MiB is refused with InvalidParameterValue.

    Source: SQS Developer Guide, "Amazon SQS message quotas"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
    """
    queue = make.queue()
    assert code_of(lambda: send(aws, queue, "x" * (1024 * 1024 + 1))).endswith("InvalidParameterValue")


def test_message_of_one_mebibyte_is_accepted(aws: Clients, make: Resources) -> None:
    """A message of 1 MiB is accepted and received unchanged.

    Source: SQS Developer Guide, "Amazon SQS message quotas"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
    """
    queue = make.queue()
    send(aws, queue, "x" * 1024 * 1024)
    assert len(make.received(queue)["Body"]) == 1024 * 1024


def test_control_character_is_refused(aws: Clients, make: Resources) -> None:
    """A body with a character that XML does not allow is refused with InvalidMessageContents.

    Source: SQS API Reference, "SendMessage"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    """
    queue = make.queue()
    assert code_of(lambda: send(aws, queue, "a\x00b")).endswith("InvalidMessageContents")


def test_missing_queue_is_refused(aws: Clients, make: Resources) -> None:
    """A call on a missing queue is refused with QueueDoesNotExist.

    Source: SQS API Reference, "GetQueueUrl", errors
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>
    """
    sqs = aws("sqs")
    try:
        sqs.get_queue_url(QueueName=f"none-{uuid4().hex}")
    except sqs.exceptions.QueueDoesNotExist:
        return
    raise AssertionError("there is a queue that was never made")


def test_queue_with_existing_name_is_not_replaced(aws: Clients, make: Resources) -> None:
    """CreateQueue with an existing name returns that queue's URL, and is refused when attributes differ.

    Source: SQS API Reference, "CreateQueue"
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
    """
    queue = make.queue(VisibilityTimeout="60")
    sqs = aws("sqs")
    same = sqs.create_queue(QueueName=queue.name, Attributes={"VisibilityTimeout": "60"})
    assert same["QueueUrl"] == queue.url
    code = code_of(lambda: sqs.create_queue(QueueName=queue.name, Attributes={"VisibilityTimeout": "61"}))
    assert code in ("QueueAlreadyExists", "QueueNameExists")


def test_redrive_policy_needs_its_dlq(aws: Clients, make: Resources) -> None:
    """A redrive policy that names a missing queue is refused as an invalid value.

    Source: SQS API Reference, "SetQueueAttributes", RedrivePolicy
    <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
    """
    redrive = json.dumps({"deadLetterTargetArn": make.arn("sqs", unique()), "maxReceiveCount": 3})
    queue = make.queue()
    code = code_of(lambda: aws("sqs").set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": redrive}))
    assert code.endswith(("InvalidAttributeValue", "InvalidParameterValue"))
