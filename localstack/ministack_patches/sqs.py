"""SQS: the metrics of queues."""

import time

from ministack.services import cloudwatch, sqs

from localstack.ministack_patches.patching import Function, replaces


@replaces(cloudwatch, "_evict_old_metrics")
def publish_metrics(evict: Function) -> None:
    """Publish the metrics of every queue whenever CloudWatch gets a request; MiniStack publishes none.

    The age of a message in a DLQ counts from when it was first sent. Source: SQS Developer Guide, "Available
    CloudWatch metrics for Amazon SQS".
    """
    evict()
    now = time.time()
    for queue in list(sqs._queues.values()):
        sqs._refresh_counts(queue)
        attributes, dimensions = queue["attributes"], {"QueueName": queue["name"]}
        oldest = min((float(message["sent_at"]) for message in queue["messages"]), default=now)
        for metric, value, unit in (
            ("ApproximateNumberOfMessagesVisible", attributes["ApproximateNumberOfMessages"], "Count"),
            ("ApproximateNumberOfMessagesNotVisible", attributes["ApproximateNumberOfMessagesNotVisible"], "Count"),
            ("ApproximateAgeOfOldestMessage", now - oldest, "Seconds"),
        ):
            cloudwatch.record_metric("AWS/SQS", metric, float(value), unit, dimensions)
