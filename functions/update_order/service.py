"""Changing an order: which change is allowed, and the event of it."""

from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from common import clients, events
from common.models import Order, OrderUpdate
from common.observability import correlation_id, count, logger
from common.repository import OrderRepository, StaleVersionError
from common.settings import settings
from common.status import TRANSITIONS, OrderStatus, can_transition
from functions.adapters.problem_details import NOT_FOUND_ORDER, ProblemError
from functions.adapters.rest import Caller

_PAYABLE = frozenset({OrderStatus.PENDING_PAYMENT, OrderStatus.PAID})

_repository = OrderRepository(clients.dynamodb(), settings.orders_table)
_sns = clients.sns()


def update(caller: Caller, order_id: UUID, seen_version: int, change: OrderUpdate) -> Order:
    """Apply a change and publish the new status.

    A caller whose answer was lost sends the same change again: it is recognised, published once more (the mail is
    sent once for it) and answered as before, so that no status is changed and then silent.

    Raises:
        ProblemError: 404 for no such order of the caller's, 409 for a stale version or a transition not allowed.
    """
    order = _find(caller, order_id)
    if order.version == seen_version + 1 and _is_result_of(order, change, caller):
        _publish(order)
        return order
    if order.version != seen_version:
        raise _stale()
    _check_allowed(order, change)
    try:
        updated = _repository.update(
            order,
            status=change.status or order.status,
            payment_details=change.payment_details or order.payment_details,
            updated_by=caller.subject,
            now=datetime.now(UTC),
        )
    except StaleVersionError:
        # The SDK repeats a write whose answer was lost: what made the version stale may be this very change.
        now = _repository.get(order.tenant_id, order_id)
        if now is None or now.version != seen_version + 1 or not _is_result_of(now, change, caller):
            raise _stale() from None
        updated = now
    _publish(updated)
    count("OrdersUpdated")
    logger.info("order updated", order_id=str(order_id), status=updated.status, version=updated.version)
    return updated


def _find(caller: Caller, order_id: UUID) -> Order:
    tenant_id: str | None = caller.tenant_id
    if caller.is_admin:
        # The index tells whose the order is; the order itself is read from the table, which does not lag.
        indexed = _repository.get_by_id(order_id)
        tenant_id = indexed.tenant_id if indexed else None
    order = _repository.get(tenant_id, order_id) if tenant_id else None
    if order is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, NOT_FOUND_ORDER)
    return order


def _is_result_of(order: Order, change: OrderUpdate, caller: Caller) -> bool:
    return (
        order.last_updated_by == caller.subject
        and change.status in (None, order.status)
        and change.payment_details in (None, order.payment_details)
    )


def _check_allowed(order: Order, change: OrderUpdate) -> None:
    new = change.status or order.status
    if new is not order.status and not can_transition(order.status, new):
        allowed = ", ".join(sorted(TRANSITIONS[order.status])) or "none"
        raise _conflict(f"An order that is {order.status} cannot become {new}; allowed: {allowed}.")
    if change.status is order.status:
        raise _conflict(f"The order is {order.status} already.")
    if change.payment_details and (order.status not in _PAYABLE or new not in _PAYABLE):
        raise _conflict(f"An order that is {order.status} takes no payment details with {new}.")


def _publish(order: Order) -> None:
    # A change of payment details alone leaves the status, and is no event.
    if order.previous_status is not None and order.date_last_updated == order.date_status_changed:
        event = events.order_status_changed(order, order.previous_status, correlation_id())
        events.publish(_sns, settings.order_events_topic_arn, event)


def _conflict(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.CONFLICT, detail)


def _stale() -> ProblemError:
    return _conflict("The order has changed since you read it: read it again and repeat the change.")
