"""The message envelope and its events: how they are built, parsed, sent and published."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from itertools import batched
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from pydantic import ConstrainedStr, Field, ValidationError, validator

from common.errors import PermanentError, TransientError
from common.field_types import Identifier, Timestamp
from common.mail_problem import MailProblem
from common.models import Model, OrderRequest, invalid_fields
from common.status import OrderStatus

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# SNS takes so many messages in a call, and 256 KB; ours have less than a kilobyte.
MAX_PUBLISHED = 10
_NAMESPACE = UUID("6c1f7a0e-2f0b-5b57-9d8a-0d0f5f3f4a11")


class Event(Model):
    """Base of all payloads. The name of the class is the event type of the message."""

    tenant_id: Identifier
    order_id: UUID

    @property
    def subject(self) -> str:
        """Identifies the event among those of its type."""
        return str(self.order_id)


class OrderCreationRequested(Event):
    """An order was accepted and is to be recorded."""

    created_by: str
    order: OrderRequest


class OrderRecorded(Event):
    """An order was numbered and written to the table."""


class OrderRejected(Event):
    """An order was rejected, and written to the table without a number."""


class InvoiceCreated(Event):
    """An invoice was stored in the bucket."""

    invoice_key: str


class OrderStatusChanged(Event):
    """The status of an order changed."""

    from_status: OrderStatus
    to_status: OrderStatus
    version: int

    @property
    def subject(self) -> str:
        """Order and version: an order can change more than once."""
        return f"{self.order_id}/{self.version}"


class MailFailed(Event):
    """A mail about an order did not arrive, or was reported as spam; SES says so, no function publishes it."""

    problem: MailProblem
    # SES's id of its report, so that a redelivered report is the same message.
    feedback_id: str

    @property
    def subject(self) -> str:
        """The report: an order can have several."""
        return self.feedback_id


_EVENTS: dict[str, type[Event]] = {
    event.__name__: event
    for event in (
        OrderCreationRequested,
        OrderRecorded,
        OrderRejected,
        InvoiceCreated,
        OrderStatusChanged,
        MailFailed,
    )
}


class Envelope(Model):
    """A message between two functions."""

    message_id: UUID
    timestamp: Timestamp
    event_type: str
    version: str = Field(default="1.0", const=True)
    correlation_id: ConstrainedStr = Field(..., min_length=1, max_length=128)
    payload: Any = Field(...)

    @validator("event_type")
    def _known(cls, value: str) -> str:
        if value not in _EVENTS:
            raise ValueError(f"must be one of {', '.join(_EVENTS)}")
        return value

    @classmethod
    def of(cls, event: Event, correlation_id: str) -> Envelope:
        """Put an event into an envelope."""
        event_type = type(event).__name__
        return cls(
            # The same event always gets the same id, so consumers recognise a repeated publish.
            message_id=uuid5(_NAMESPACE, f"{event_type}/{event.subject}"),
            timestamp=Timestamp.now(UTC),
            event_type=event_type,
            correlation_id=ConstrainedStr(correlation_id),
            payload=event,
        )

    def encode(self) -> str:
        """The envelope as JSON, the body of a message."""
        return self.json(by_alias=True, exclude_none=True)


def parse(body: str) -> Envelope:
    """Parse the body of a message: the envelope, its payload as the event of its type.

    Raises PermanentError if it is malformed; the text names fields and never values, since it is logged.
    """
    try:
        content = json.loads(body)
        if not isinstance(content, dict) or not isinstance(content.get("payload"), dict):
            raise PermanentError("message refused: not an object with an object as its payload")
        envelope = Envelope.parse_obj(content)
        payload = _EVENTS[envelope.event_type].parse_obj(envelope.payload)
    except ValidationError as error:
        raise PermanentError(f"message refused: {invalid_fields(error)}") from None
    except (ValueError, RecursionError):
        raise PermanentError("message refused: not JSON") from None
    return envelope.copy(update={"payload": payload})


def send(client: SQSClient, queue_url: str, event: Event, correlation_id: str) -> None:
    """Put an event on a queue."""
    client.send_message(QueueUrl=queue_url, MessageBody=Envelope.of(event, correlation_id).encode())


def publish(client: SNSClient, topic_arn: str, event: Event, correlation_id: str) -> None:
    """Publish an event; the subscriptions filter on its attribute eventType."""
    client.publish(TopicArn=topic_arn, **_message(Envelope.of(event, correlation_id)))


def publish_all(client: SNSClient, topic_arn: str, envelopes: Sequence[Envelope]) -> list[Exception | None]:
    """Publish events, ten in a call; returns for each the error that SNS refused it with, or None."""
    errors: list[Exception | None] = []
    for batch in batched(envelopes, MAX_PUBLISHED):
        entries: Any = [{"Id": str(n), **_message(envelope)} for n, envelope in enumerate(batch)]
        response = client.publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=entries)
        refused = {entry["Id"]: entry["Code"] for entry in response["Failed"]}
        errors += [TransientError(f"SNS: {refused[e['Id']]}") if e["Id"] in refused else None for e in entries]
    return errors


def _message(envelope: Envelope) -> Any:
    return {
        "Message": envelope.encode(),
        "MessageAttributes": {"eventType": {"DataType": "String", "StringValue": envelope.event_type}},
    }
