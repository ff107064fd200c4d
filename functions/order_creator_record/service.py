"""Recording an order: the cart priced, the number taken, the event published."""

from datetime import datetime

from pydantic import ValidationError

from common import clients, events
from common.cart_client import CartClient
from common.errors import PermanentError, TransientError
from common.events import OrderCreationRequested
from common.models import Campaign, Order, OrderDraft
from common.observability import add_value, count, logger
from common.pricing import price
from common.repository import OrderRepository
from common.settings import settings

_carts = CartClient(settings.cart_api_url)
_repository = OrderRepository(clients.dynamodb(), settings.orders_table)
_sns = clients.sns()


def record(request: OrderCreationRequested, accepted_at: datetime, correlation_id: str) -> Order:
    """Record an order and publish OrderRecorded.

    A message that comes again finds its order on record and only publishes: a crash between the write and the
    publish is healed, even when the cart is gone by then or the Cart service is down.

    Raises:
        PermanentError: the cart does not exist, is another tenant's, or cannot be ordered.
        TransientError: the Cart service or the table did not take part.
    """
    order = _on_record(request, accepted_at)
    events.publish(_sns, settings.order_events_topic_arn, events.order_recorded(order, correlation_id))
    logger.info("order recorded", order_id=str(order.id), order_number=order.order_number)
    return order


def _on_record(request: OrderCreationRequested, accepted_at: datetime) -> Order:
    try:
        draft = _draft(request, accepted_at)
    except (PermanentError, TransientError):
        # Asked only now: almost every message is the first of its order, and the write tells of one that is not.
        order = _repository.get(request.tenant_id, request.order_id)
        if order is None:
            raise
        return order
    recorded = _repository.record(draft)
    if recorded.is_new:
        count("OrdersRecorded")
        add_value("OrderValue", recorded.order.total)
    return recorded.order


def _draft(request: OrderCreationRequested, accepted_at: datetime) -> OrderDraft:
    wanted = request.order
    cart = _carts.cart(wanted.cart_id)
    if cart.tenant_id != request.tenant_id:
        raise PermanentError(f"cart {wanted.cart_id} is another tenant's")
    if cart.currency is not wanted.currency:
        raise PermanentError(f"cart {wanted.cart_id} is in {cart.currency}, the order in {wanted.currency}")
    campaign = _campaign(wanted.campaign_code, accepted_at)
    try:
        priced = price(list(cart.items), campaign)
        return OrderDraft(
            id=request.order_id,
            tenant_id=request.tenant_id,
            customer_email=wanted.customer_email,
            items=priced.items,
            subtotal=priced.subtotal,
            discount=priced.discount,
            tax=priced.tax,
            total=priced.total,
            currency=wanted.currency,
            campaign=campaign,
            billing_address=wanted.billing_address,
            payment_method=wanted.payment_method,
            date_created=accepted_at,
            date_last_updated=accepted_at,
            last_updated_by=request.created_by,
        )
    except ValidationError:
        # All else was validated before: only an amount can be too large.
        raise PermanentError(f"cart {wanted.cart_id} costs more than an order can hold") from None


def _campaign(code: str | None, moment: datetime) -> Campaign | None:
    """The campaign, if it exists and runs; an accepted order is not lost for a code that has lapsed."""
    if code is None:
        return None
    campaign = _carts.campaign(code)
    if campaign is None or not campaign.covers(moment):
        count("CampaignsNotApplied")
        logger.warning("campaign not applied", campaign_code=code, exists=campaign is not None)
        return None
    return campaign
