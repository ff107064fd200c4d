"""The functions' queues: send messages, wait until they are handled, and find messages in a DLQ."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from e2e.tenant import DEADLINE_SECONDS
from localstack.targets import Platform
from ops.queues import held, wait_idle
from tooling.polling import poll


def counts(platform: Platform, names: list[str]) -> dict[str, int]:
    """Number of messages in each queue."""
    return {name: held(platform.aws.sqs, name) for name in names}


def drain(platform: Platform, seconds: float) -> None:
    """Wait until the functions have handled every message."""
    wait_idle(platform.aws.sqs, platform.outputs["queue_names"].values(), seconds)


class FunctionQueue:
    """The queue of a function, with its DLQ.

    Args:
        platform: Stack that has the queue.
        function: Folder of the function.
    """

    def __init__(self, platform: Platform, function: str) -> None:
        self._sqs = platform.aws.sqs
        self._queue = platform.queue_url(platform.outputs["queue_names"][function])
        self._dlq = platform.queue_url(platform.outputs["dlq_names"][function])

    def send(self, bodies: list[str]) -> None:
        """Send messages to the queue in one batch."""
        entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        response = self._sqs.send_message_batch(QueueUrl=self._queue, Entries=entries)
        assert not response.get("Failed"), response

    @contextmanager
    def dlq_message(self, text: str) -> Iterator[str]:
        """Wait for a message with this text in the DLQ, yield its body, and delete it at the end."""
        message = poll(f"a message with {text} in the DLQ", lambda: self._receive(text), DEADLINE_SECONDS)
        try:
            yield message["Body"]
        finally:
            self._sqs.delete_message(QueueUrl=self._dlq, ReceiptHandle=message["ReceiptHandle"])

    def _receive(self, text: str) -> Any:
        messages = self._sqs.receive_message(
            QueueUrl=self._dlq, MaxNumberOfMessages=10, VisibilityTimeout=30, WaitTimeSeconds=1
        ).get("Messages", [])
        found = next((message for message in messages if text in message["Body"]), None)
        for message in messages:
            # Another test waits for this one.
            if message is not found:
                self._sqs.change_message_visibility(
                    QueueUrl=self._dlq, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
        return found
