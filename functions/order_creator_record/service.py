"""Recording an order: prices its cart, takes its number or rejects it, publishes the event."""

from datetime import datetime

from common import clients, events
from common.cart_client import CartClient
from common.errors import OrderRejectedError, PermanentError, TransientError
from common.events import OrderCreationRequested
from common.observability import add_value, count, logger
from common.order import Order, OrderDraft
from common.pricing import draft_order, rejected_order
from common.repository import OrderRepository
from common.settings import settings

_carts = CartClient(settings.cart_api_url)
_repository = OrderRepository(clients.dynamodb(), settings.orders_table)
_sns = clients.sns()


def record(request: OrderCreationRequested, accepted_at: datetime, correlation_id: str) -> Order:
    """Record an order and publish OrderRecorded, or OrderRejected if its cart cannot be ordered.

    A redelivered message finds its order on record and only publishes. So a crash between write and publish is
    repaired, even if the cart has been changed or deleted by then, or the Cart service is down.

    Raises:
        PermanentError: the Cart service responded with what nobody expects.
        TransientError: the Cart service or the table failed.
    """
    order = _record_or_find(request, accepted_at)
    event = (events.OrderRejected if order.rejection else events.OrderRecorded)(
        tenant_id=order.tenant_id, order_id=order.id
    )
    events.publish(_sns, settings.order_events_topic_arn, event, correlation_id)
    if order.rejection:
        logger.info("order rejected", order_id=str(order.id), code=order.rejection.code)
    else:
        logger.info("order recorded", order_id=str(order.id), order_number=order.order_number)
    return order


def _record_or_find(request: OrderCreationRequested, accepted_at: datetime) -> Order:
    try:
        recorded = _repository.record(_price_cart(request, accepted_at))
    except (OrderRejectedError, PermanentError, TransientError) as error:
        # Look the order up only on failure: most messages are first deliveries, and record() detects duplicates.
        order = _repository.get(request.tenant_id, request.order_id)
        if order:
            return order
        if not isinstance(error, OrderRejectedError):
            raise
        return _reject(request, error, accepted_at)
    if recorded.is_new:
        count("OrdersRecorded")
        add_value("OrderValue", recorded.order.total)
    return recorded.order


def _reject(request: OrderCreationRequested, error: OrderRejectedError, accepted_at: datetime) -> Order:
    recorded = _repository.reject(rejected_order(request, error, accepted_at))
    if recorded.is_new:
        count("OrdersRejected")
        logger.warning("cart refused", order_id=str(request.order_id), code=error.code, reason=error.reason)
    return recorded.order


def _price_cart(request: OrderCreationRequested, accepted_at: datetime) -> OrderDraft:
    code = request.order.campaign_code
    cart = _carts.cart(request.order.cart_id, request.tenant_id)
    campaign = _carts.campaign(code) if code else None
    draft = draft_order(request, cart, campaign, placed_at=accepted_at)
    if code and draft.campaign is None:
        count("CampaignsNotApplied")
        logger.warning("campaign not applied", campaign_code=code, exists=campaign is not None)
    return draft
