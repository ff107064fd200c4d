"""Changing an order: applies the change to the version that the caller has read, and publishes the new status."""

from collections.abc import Container
from datetime import UTC, datetime
from uuid import UUID

from common import clients, events
from common.errors import OrderNotFoundError, OrderNotRecordedError, StaleVersionError
from common.observability import correlation_id, count, logger
from common.order import Caller, Order, OrderUpdate
from common.repository import Accepted, OrderRepository
from common.settings import settings

_repository = OrderRepository(clients.dynamodb(), settings.orders_table)
_sns = clients.sns()


def update(caller: Caller, order_id: UUID, expected_versions: Container[int], change: OrderUpdate) -> Order:
    """Apply a change to an order in one of the expected versions, and publish the new status.

    A caller whose response was lost sends the same change again. That retry is recognised, published once more (the
    mail is sent once) and gets the same response, so a crash after the write does not lose the mail.

    Raises OrderNotFoundError if there is no such order that the caller may access, OrderNotRecordedError if it is not
    recorded yet, StaleVersionError if it has another version, and what `Order.change` raises.
    """
    order = _find(caller, order_id)
    previous = order.version - 1
    if previous in expected_versions and order.is_result_of(change, expected_version=previous, by=caller.subject):
        _publish(order)
        return order
    if order.version not in expected_versions:
        raise StaleVersionError
    changed = order.change(change, expected_version=order.version, by=caller.subject, at=datetime.now(UTC))
    try:
        stored = _repository.update(changed)
    except StaleVersionError:
        # The SDK retries a write whose response was lost: this very change may have made the version stale.
        current = _repository.get(order.tenant_id, order_id)
        if not current or not current.is_result_of(change, expected_version=order.version, by=caller.subject):
            raise
        stored = current
    _publish(stored)
    count("OrdersUpdated")
    logger.info("order updated", order_id=str(order_id), status=stored.status, version=stored.version)
    return stored


def _find(caller: Caller, order_id: UUID) -> Order:
    found = _repository.find(caller.tenant_id, order_id)
    if found is None and caller.is_admin:
        # The index says whose order it is; the order is read from the table, which does not lag.
        indexed = _repository.get_by_id(order_id)
        found = _repository.find(indexed.tenant_id, order_id) if indexed else None
    if found is None:
        raise OrderNotFoundError
    if isinstance(found, Accepted):
        raise OrderNotRecordedError
    return found


def _publish(order: Order) -> None:
    if order.has_new_status and order.previous_status:
        event = events.OrderStatusChanged(
            tenant_id=order.tenant_id,
            order_id=order.id,
            from_status=order.previous_status,
            to_status=order.status,
            version=order.version,
        )
        events.publish(_sns, settings.order_events_topic_arn, event, correlation_id())
