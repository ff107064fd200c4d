"""Queues with their messages, listed without receiving any: a receive would count as an attempt."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import requests

from localstack.console.trace import CONSUMERS
from localstack.logs import utc
from localstack.stack import ACCOUNT, REGION, Stack

_SECONDS = 5


class Message(NamedTuple):
    """A message in a queue, its body indented if it is JSON; what the body does not have is empty."""

    id: str
    body: str
    sent: datetime
    attempts: int
    event_type: str
    order_id: str


class Queue(NamedTuple):
    """A queue or DLQ with its messages, oldest first."""

    name: str
    messages: list[Message]


class QueuePair(NamedTuple):
    """The queue of a function, and its DLQ."""

    function: str
    queue: Queue
    dlq: Queue


def parse_message(content: Mapping[str, Any]) -> Message:
    """Read a message from the engine's listing."""
    body = str(content.get("Body", ""))
    envelope: Any = {}
    try:
        envelope = json.loads(body)
        body = json.dumps(envelope, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    envelope = envelope if isinstance(envelope, dict) else {}
    payload = envelope.get("payload")
    attributes = content.get("Attributes") or {}
    return Message(
        id=str(content.get("MessageId", "")),
        body=body,
        sent=utc(int(attributes.get("SentTimestamp", 0))),
        attempts=int(content.get("ReceiveCount", attributes.get("ApproximateReceiveCount", 0))),
        event_type=str(envelope.get("eventType", "")),
        order_id=str(payload.get("orderId", "")) if isinstance(payload, dict) else "",
    )


def ordered(consumers: Collection[str]) -> list[str]:
    """Consumers in the order in which an order reaches them; those that the trace does not know come last."""
    return sorted(consumers, key=[*CONSUMERS, *consumers].index)


def list_queues(stack: Stack) -> list[QueuePair]:
    """Every queue of a stack with its DLQ."""
    names, dlqs = stack.outputs["queue_names"], stack.outputs["dlq_names"]
    return [QueuePair(each, _messages(stack, names[each]), _messages(stack, dlqs[each])) for each in ordered(names)]


def _of_ministack(stack: Stack, name: str) -> list[dict[str, Any]]:
    url = f"{stack.endpoint}/_ministack/sqs/messages"
    response = requests.get(url, params={"QueueUrl": name}, timeout=_SECONDS)
    response.raise_for_status()
    found: list[dict[str, Any]] = response.json()["messages"].get(ACCOUNT, {}).get(REGION, {}).get(name, [])
    return found


def _of_localstack(stack: Stack, name: str) -> list[dict[str, Any]]:
    url = f"{stack.endpoint}/_aws/sqs/messages/{REGION}/{ACCOUNT}/{name}"
    hidden_too = {"ShowInvisible": "true", "ShowDelayed": "true"}
    response = requests.get(url, params=hidden_too, headers={"Accept": "application/json"}, timeout=_SECONDS)
    response.raise_for_status()
    listed = response.json()["ReceiveMessageResponse"]["ReceiveMessageResult"] or {}
    messages = listed.get("Message", [])
    found = messages if isinstance(messages, list) else [messages]
    return [{**one, "Attributes": {each["Name"]: each["Value"] for each in one["Attribute"]}} for one in found]


def _messages(stack: Stack, name: str) -> Queue:
    found = _of_ministack(stack, name) if stack.engine == "embedded" else _of_localstack(stack, name)
    return Queue(name, sorted((parse_message(content) for content in found), key=lambda message: message.sent))
