"""The queues and their DLQs, looked at without taking anything: receiving a message would count as one of its tries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from localstack.console.logs import moment_of
from localstack.stack import ACCOUNT, REGION, StackError

SHOWN = 20
_SECONDS = 5
_WAY = ["order_creator_record", "order_pdf_creator", "order_internal_notification", "customer_order_confirmation"]
_PATH = "/_ministack/sqs/messages"


@dataclass(frozen=True)
class Message:
    """A message in a queue.

    Args:
        id: that SQS gave it.
        body: JSON is laid out in lines, any other text is as it came.
        sent: when it was put on this queue.
        tries: how often it was received.
        event_type: of its envelope; empty if it has none.
        correlation_id: of its envelope; empty if it has none.
        order_id: of its payload; empty if it has none.
    """

    id: str
    body: str
    sent: datetime
    tries: int
    event_type: str
    correlation_id: str
    order_id: str


@dataclass(frozen=True)
class Queue:
    """A queue or a DLQ, and its messages, oldest first."""

    name: str
    messages: list[Message]


@dataclass(frozen=True)
class Pair:
    """The queue of a function, and its DLQ."""

    function: str
    queue: Queue
    dlq: Queue


def message_of(content: Mapping[str, Any]) -> Message:
    """A message as the engine lists it."""
    body = str(content.get("Body", ""))
    envelope: dict[str, Any] = {}
    try:
        parsed = json.loads(body)
        body = json.dumps(parsed, indent=2, ensure_ascii=False)
        envelope = parsed if isinstance(parsed, dict) else {}
    except (ValueError, RecursionError):
        pass
    payload = envelope.get("payload")
    attributes = content.get("Attributes") or {}
    return Message(
        id=str(content.get("MessageId", "")),
        body=body,
        sent=moment_of(int(attributes.get("SentTimestamp", 0))),
        tries=int(content.get("ReceiveCount", attributes.get("ApproximateReceiveCount", 0))),
        event_type=str(envelope.get("eventType", "")),
        correlation_id=str(envelope.get("correlationId", "")),
        order_id=str(payload.get("orderId", "")) if isinstance(payload, dict) else "",
    )


class QueueViewer:
    """Looks into the queues of a stack.

    Args:
        endpoint: URL of the engine.
        engine: its name.
        outputs: of Terraform.
    """

    def __init__(self, endpoint: str, engine: str, outputs: Mapping[str, Any]) -> None:
        self._url = endpoint + _PATH
        self._engine = engine
        self._outputs = outputs

    @property
    def names(self) -> dict[str, str]:
        """The names of the queues, by the function that consumes each, as an order meets them."""
        return dict(sorted(self._outputs["queue_names"].items(), key=lambda item: _WAY.index(item[0])))

    def pairs(self) -> list[Pair]:
        """Every queue with its DLQ.

        Raises:
            StackError: the engine does not list messages.
            requests.RequestException: it does not answer.
        """
        if self._engine != "embedded":
            raise StackError(f"engine {self._engine} does not list messages: run `make status`, which counts them")
        return [
            Pair(function, self._look(name), self._look(self._outputs["dlq_names"][function]))
            for function, name in self.names.items()
        ]

    def _look(self, name: str) -> Queue:
        answer = requests.get(self._url, params={"QueueUrl": name}, timeout=_SECONDS)
        answer.raise_for_status()
        found = answer.json()["messages"].get(ACCOUNT, {}).get(REGION, {}).get(name, [])
        return Queue(name, sorted((message_of(content) for content in found), key=lambda message: message.sent))
