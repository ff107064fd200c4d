"""Queues with their messages, and alarms. Looking takes no message: a receive would count as an attempt."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests

from localstack.console.logs import from_epoch
from localstack.stack import ACCOUNT, REGION, Stack, StackError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_SECONDS = 5
# The consumers in the order in which an order reaches them.
_CONSUMERS = ["order_creator_record", "order_pdf_creator", "order_internal_notification", "customer_order_confirmation"]
_STATES = ["ALARM", "INSUFFICIENT_DATA", "OK"]


@dataclass(frozen=True)
class Message:
    """A message in a queue.

    Args:
        id: SQS message id.
        body: Body, indented if it is JSON.
        sent: When it was put on this queue.
        attempts: How often it was received.
        event_type: Event type of its envelope; empty if it has none.
        order_id: Order id of its payload; empty if it has none.
    """

    id: str
    body: str
    sent: datetime
    attempts: int
    event_type: str
    order_id: str


@dataclass(frozen=True)
class Queue:
    """A queue or DLQ with its messages, oldest first."""

    name: str
    messages: list[Message]


@dataclass(frozen=True)
class QueuePair:
    """The queue of a function, and its DLQ."""

    function: str
    queue: Queue
    dlq: Queue


@dataclass(frozen=True)
class Alarm:
    """An alarm; `since` is None until its first evaluation."""

    name: str
    description: str
    state: str
    reason: str
    since: datetime | None


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
        sent=from_epoch(int(attributes.get("SentTimestamp", 0))),
        attempts=int(content.get("ReceiveCount", attributes.get("ApproximateReceiveCount", 0))),
        event_type=str(envelope.get("eventType", "")),
        order_id=str(payload.get("orderId", "")) if isinstance(payload, dict) else "",
    )


def list_queues(stack: Stack) -> list[QueuePair]:
    """Every queue of a stack with its DLQ.

    Raises:
        StackError: The engine cannot list messages.
        requests.RequestException: The engine does not respond.
    """
    if stack.engine != "embedded":
        raise StackError(f"engine {stack.engine} does not list messages: run `make status`, which counts them")
    names, dlqs = stack.outputs["queue_names"], stack.outputs["dlq_names"]
    consumers = sorted(names, key=_CONSUMERS.index)
    return [QueuePair(each, _messages(stack, names[each]), _messages(stack, dlqs[each])) for each in consumers]


def _messages(stack: Stack, name: str) -> Queue:
    url = f"{stack.endpoint}/_ministack/sqs/messages"
    response = requests.get(url, params={"QueueUrl": name}, timeout=_SECONDS)
    response.raise_for_status()
    found = response.json()["messages"].get(ACCOUNT, {}).get(REGION, {}).get(name, [])
    return Queue(name, sorted((parse_message(content) for content in found), key=lambda message: message.sent))


def list_alarms(client: CloudWatchClient, names: Collection[str]) -> list[Alarm]:
    """The alarms of these names, those in ALARM first."""
    found = [
        Alarm(
            name=alarm["AlarmName"],
            description=alarm.get("AlarmDescription", ""),
            state=alarm["StateValue"],
            reason=alarm.get("StateReason", ""),
            since=alarm.get("StateUpdatedTimestamp"),
        )
        for page in client.get_paginator("describe_alarms").paginate()
        for alarm in page["MetricAlarms"]
        if alarm["AlarmName"] in names
    ]
    return sorted(found, key=lambda alarm: (_STATES.index(alarm.state), alarm.name))
