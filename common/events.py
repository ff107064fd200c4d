"""The message envelope and its events: how they are built, parsed, sent and published."""

from __future__ import annotations

import json
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from pydantic import ConstrainedStr, Field, ValidationError

from common.errors import PermanentError
from common.field_types import Identifier, Timestamp
from common.models import Model, OrderRequest, invalid_fields
from common.order import Order
from common.status import OrderStatus

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

VERSION = "1.0"
_NAMESPACE = UUID("6c1f7a0e-2f0b-5b57-9d8a-0d0f5f3f4a11")


class EventType(StrEnum):
    """The types of messages."""

    ORDER_CREATION_REQUESTED = "OrderCreationRequested"
    ORDER_RECORDED = "OrderRecorded"
    INVOICE_CREATED = "InvoiceCreated"
    ORDER_STATUS_CHANGED = "OrderStatusChanged"


class OrderCreationRequested(Model):
    """An order was accepted and is to be recorded."""

    order_id: UUID
    tenant_id: Identifier
    created_by: str
    order: OrderRequest


class OrderRecorded(Model):
    """An order was numbered and written to the table."""

    tenant_id: Identifier
    order_id: UUID


class InvoiceCreated(OrderRecorded):
    """An invoice was stored in the bucket."""

    invoice_key: str


class OrderStatusChanged(OrderRecorded):
    """The status of an order changed."""

    from_status: OrderStatus
    to_status: OrderStatus
    version: int


Payload = OrderCreationRequested | OrderRecorded | InvoiceCreated | OrderStatusChanged

_PAYLOADS: dict[EventType, type[Payload]] = {
    EventType.ORDER_CREATION_REQUESTED: OrderCreationRequested,
    EventType.ORDER_RECORDED: OrderRecorded,
    EventType.INVOICE_CREATED: InvoiceCreated,
    EventType.ORDER_STATUS_CHANGED: OrderStatusChanged,
}


class Envelope(Model):
    """A message between two functions."""

    message_id: UUID
    timestamp: Timestamp
    event_type: EventType
    version: str = Field(default=VERSION, const=True)
    correlation_id: ConstrainedStr = Field(..., min_length=1, max_length=128)
    payload: Any = Field(...)

    def encode(self) -> str:
        """The envelope as JSON, the body of a message."""
        return self.json(by_alias=True, exclude_none=True)


def _envelope(event_type: EventType, subject: str, correlation_id: str, payload: Payload) -> Envelope:
    return Envelope(
        # The same event always gets the same id, so consumers recognise a repeated publish.
        message_id=uuid5(_NAMESPACE, f"{event_type}/{subject}"),
        timestamp=Timestamp.now(UTC),
        event_type=event_type,
        correlation_id=ConstrainedStr(correlation_id),
        payload=payload,
    )


def order_creation_requested(payload: OrderCreationRequested, correlation_id: str) -> Envelope:
    """Build the message that an order is to be recorded."""
    return _envelope(EventType.ORDER_CREATION_REQUESTED, str(payload.order_id), correlation_id, payload)


def order_recorded(order: Order, correlation_id: str) -> Envelope:
    """Build the event that an order was recorded."""
    payload = OrderRecorded(tenant_id=order.tenant_id, order_id=order.id)
    return _envelope(EventType.ORDER_RECORDED, str(order.id), correlation_id, payload)


def invoice_created(order: Order, invoice_key: str, correlation_id: str) -> Envelope:
    """Build the event that an invoice was stored."""
    payload = InvoiceCreated(tenant_id=order.tenant_id, order_id=order.id, invoice_key=invoice_key)
    return _envelope(EventType.INVOICE_CREATED, str(order.id), correlation_id, payload)


def order_status_changed(order: Order, from_status: OrderStatus, correlation_id: str) -> Envelope:
    """Build the event that an order has a new status."""
    payload = OrderStatusChanged(
        tenant_id=order.tenant_id,
        order_id=order.id,
        from_status=from_status,
        to_status=order.status,
        version=order.version,
    )
    return _envelope(EventType.ORDER_STATUS_CHANGED, f"{order.id}/{order.version}", correlation_id, payload)


def parse(body: str) -> Envelope:
    """Parse the body of a message: the envelope, its payload as the model of its event type.

    Raises:
        PermanentError: the body is not JSON, not an envelope of this version, or its payload does not fit its type.
            The text names fields and never values, since it is logged.
    """
    try:
        content = json.loads(body)
        if not isinstance(content, dict) or not isinstance(content.get("payload"), dict):
            raise PermanentError("message refused: not an object with an object as its payload")
        envelope = Envelope.parse_obj(content)
        payload = _PAYLOADS[envelope.event_type].parse_obj(envelope.payload)
    except ValidationError as error:
        raise PermanentError(f"message refused: {invalid_fields(error)}") from None
    except (ValueError, RecursionError):
        raise PermanentError("message refused: not JSON") from None
    return envelope.copy(update={"payload": payload})


def send(client: SQSClient, queue_url: str, envelope: Envelope) -> None:
    """Put a message on a queue."""
    client.send_message(QueueUrl=queue_url, MessageBody=envelope.encode())


def publish(client: SNSClient, topic_arn: str, envelope: Envelope) -> None:
    """Publish an event; the subscriptions filter on its attribute eventType."""
    client.publish(
        TopicArn=topic_arn,
        Message=envelope.encode(),
        MessageAttributes={"eventType": {"DataType": "String", "StringValue": envelope.event_type}},
    )
