"""The topic of events: which subscription gets which message in which form."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.engines import Clients
from tests.conformance.resources import Resources, code_of, unique

RAW = {"RawMessageDelivery": "true"}


def publish(aws: Clients, topic: str, message: str, event_type: str | None = None) -> str:
    """Publish an event and return its id."""
    attribute = {"eventType": {"DataType": "String", "StringValue": event_type}} if event_type else {}
    message_id: str = aws("sns").publish(TopicArn=topic, Message=message, MessageAttributes=attribute)["MessageId"]
    return message_id


def taken(aws: Clients, make: Resources, queue: Any) -> dict[str, Any]:
    """Receive and delete the next message of a queue."""
    message = make.received(queue)
    aws("sqs").delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    return message


def test_raw_delivery_has_message_and_attributes(aws: Clients, make: Resources) -> None:
    """With raw delivery a queue gets the message alone, with its attributes as message attributes.

    Source: SNS Developer Guide, "Amazon SNS raw message delivery"
    <https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html>
    """
    topic = make.topic()
    queue = make.subscribed(topic, **RAW)
    publish(aws, topic, '{"total": "1.00"}', "OrderRecorded")
    message = make.received(queue)
    assert message["Body"] == '{"total": "1.00"}'
    assert message["MessageAttributes"]["eventType"]["StringValue"] == "OrderRecorded"


def test_delivery_has_an_envelope_by_default(aws: Clients, make: Resources) -> None:
    """Without raw delivery a queue gets JSON with Type, MessageId, TopicArn, Message and MessageAttributes.

    Source: SNS Developer Guide, "Parsing message formats"
    <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
    """
    topic = make.topic()
    queue = make.subscribed(topic)
    message_id = publish(aws, topic, "order", "OrderRecorded")
    envelope = json.loads(make.received(queue)["Body"])
    found = {name: envelope[name] for name in ("Type", "MessageId", "TopicArn", "Message")}
    assert found == {"Type": "Notification", "MessageId": message_id, "TopicArn": topic, "Message": "order"}
    assert envelope["MessageAttributes"] == {"eventType": {"Type": "String", "Value": "OrderRecorded"}}


def test_filter_policy_selects_events(aws: Clients, make: Resources) -> None:
    """A subscription with a filter policy gets only events whose attribute has one of its values.

    Source: SNS Developer Guide, "Amazon SNS subscription filter policies"
    <https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html>
    """
    topic = make.topic()
    wanted = ["InvoiceCreated", "OrderStatusChanged"]
    queue = make.subscribed(topic, **RAW, FilterPolicy=json.dumps({"eventType": wanted}))
    everything = make.subscribed(topic, **RAW)
    published = ["OrderRecorded", *wanted, "invoicecreated", "InvoiceCreatedTwice"]
    for event_type in [*published, None]:
        publish(aws, topic, event_type or "no type", event_type)
    assert sorted(taken(aws, make, everything)["Body"] for _ in range(6)) == sorted([*published, "no type"])
    assert sorted(taken(aws, make, queue)["Body"] for _ in range(2)) == wanted
    assert "Messages" not in aws("sqs").receive_message(QueueUrl=queue.url, WaitTimeSeconds=1)


def test_repeated_subscription_is_the_same(aws: Clients, make: Resources) -> None:
    """Subscribe with the endpoint and attributes of a subscription returns the ARN of that subscription.

    Source: SNS API Reference, "Subscribe"
    <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>
    """
    topic, queue = make.topic(), make.queue()

    def subscribe() -> str:
        arn: str = aws("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=RAW, ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        return arn

    assert subscribe() == subscribe()


def test_invalid_filter_policy_is_refused(aws: Clients, make: Resources) -> None:
    """An invalid filter policy is refused with InvalidParameter.

    Source: SNS API Reference, "Subscribe", errors
    <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>
    """
    topic, queue = make.topic(), make.queue()
    code = code_of(
        lambda: aws("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=queue.arn,
            Attributes={"FilterPolicy": json.dumps({"eventType": "not a list"})},
        )
    )
    assert code == "InvalidParameter"


def test_event_over_256_kibibytes_is_refused(aws: Clients, make: Resources) -> None:
    """A message of more than 256 KiB is refused with InvalidParameter.

    Source: SNS API Reference, "Publish"
    <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
    """
    topic = make.topic()
    assert code_of(lambda: publish(aws, topic, "x" * (256 * 1024 + 1))) == "InvalidParameter"


def test_empty_event_is_refused(aws: Clients, make: Resources) -> None:
    """An empty message is refused with InvalidParameter.

    Source: SNS API Reference, "Publish"
    <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
    """
    topic = make.topic()
    assert code_of(lambda: publish(aws, topic, "")) == "InvalidParameter"


def test_missing_topic_is_refused(aws: Clients, make: Resources) -> None:
    """A message to a missing topic is refused with NotFound.

    Source: SNS API Reference, "Publish", errors
    <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
    """
    assert code_of(lambda: publish(aws, make.arn("sns", unique()), "order")) == "NotFound"
