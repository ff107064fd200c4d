"""Recording orders: prices their carts, numbers or rejects them, publishes the events, all for a batch of messages."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from common import clients, events
from common.cart_client import MAX_AT_ONCE, CartClient
from common.errors import MalformedCampaignError, OrderRejectedError, PermanentError, TransientError
from common.events import Envelope, OrderCreationRequested
from common.models import Campaign, Cart
from common.observability import add_value, attempt, count, logger
from common.order import Order, OrderDraft
from common.pricing import draft_order, rejected_order
from common.recording import OrderRecorder, Recorded
from common.repository import OrderRepository
from common.settings import settings

_carts = CartClient(settings.cart_api_url)
_repository = OrderRepository(clients.dynamodb(), settings.orders_table)
_recorder = OrderRecorder(clients.dynamodb(), settings.orders_table)
_sns = clients.sns()


def record(messages: Sequence[Envelope]) -> list[Exception | None]:
    """Record the orders of a batch and publish OrderRecorded, or OrderRejected for a cart that cannot be ordered.

    A redelivered message finds its order on record and only publishes. So a crash between write and publish is
    repaired, even if the cart has been changed or deleted by then, or the Cart service is down.

    Returns for each message the error that it failed with, or None: PermanentError if the Cart service responded with
    what nobody expects; TransientError or an error of the SDK if the Cart service, the table or the topic failed.
    """
    # All at once: one after another, the timeouts of a slow Cart service would add up beyond that of the function.
    with ThreadPoolExecutor(MAX_AT_ONCE) as pool:
        reads = [pool.submit(_read_cart, message.payload) for message in messages]
    drafts = [
        attempt(message.correlation_id, partial(_price, message, read))
        for message, read in zip(messages, reads, strict=True)
    ]
    written = iter(_recorder.record([draft for draft in drafts if isinstance(draft, OrderDraft)]))
    outcomes = [next(written) if isinstance(draft, OrderDraft) else draft for draft in drafts]
    orders = [
        attempt(message.correlation_id, partial(_settle, message, outcome))
        for message, outcome in zip(messages, outcomes, strict=True)
    ]
    return _publish(messages, orders)


def _read_cart(request: OrderCreationRequested) -> tuple[Cart, Campaign | MalformedCampaignError | None]:
    """The cart of an order and its campaign. Logs nothing: other threads read those of other messages."""
    cart, code = _carts.cart(request.order.cart_id, request.tenant_id), request.order.campaign_code
    try:
        return cart, _carts.campaign(code) if code else None
    except MalformedCampaignError as error:
        return cart, error


def _price(message: Envelope, read: Future[tuple[Cart, Campaign | MalformedCampaignError | None]]) -> OrderDraft:
    cart, found = read.result()
    malformed = str(found) if isinstance(found, MalformedCampaignError) else None
    campaign = found if isinstance(found, Campaign) else None
    draft = draft_order(message.payload, cart, campaign, placed_at=message.timestamp)
    code = message.payload.order.campaign_code
    if code and draft.campaign is None:
        count("CampaignsNotApplied")
        logger.warning("campaign not applied", campaign_code=code, exists=found is not None, malformed=malformed)
    return draft


def _settle(message: Envelope, outcome: Recorded | Exception) -> Order:
    """The order on record after this delivery or an earlier one; raises the error that kept it from being recorded."""
    if isinstance(outcome, OrderRejectedError):
        return _reject(message, outcome)
    if isinstance(outcome, Exception):
        if not isinstance(outcome, PermanentError | TransientError):
            raise outcome
        # Look the order up only on failure: most messages are first deliveries, and the recorder detects duplicates.
        order = _repository.get(message.payload.tenant_id, message.payload.order_id)
        if order is None:
            raise outcome
        return order
    if outcome.is_new:
        count("OrdersRecorded")
        add_value("OrderValue", outcome.order.total)
    return outcome.order


def _reject(message: Envelope, error: OrderRejectedError) -> Order:
    recorded = _recorder.reject(rejected_order(message.payload, error, message.timestamp))
    if recorded.is_new:
        count("OrdersRejected")
        order_id = str(message.payload.order_id)
        logger.warning("cart refused", order_id=order_id, code=error.code, reason=error.reason)
    return recorded.order


def _publish(messages: Sequence[Envelope], orders: Sequence[Order | Exception]) -> list[Exception | None]:
    """Publish the event of each order; the error of each message, or None."""
    envelopes = [
        Envelope.of(_event(order), message.correlation_id)
        for message, order in zip(messages, orders, strict=True)
        if isinstance(order, Order)
    ]
    published: Iterator[Exception | None]
    try:
        published = iter(events.publish_all(_sns, settings.order_events_topic_arn, envelopes))
    except (BotoCoreError, ClientError) as failure:
        published = iter([failure] * len(envelopes))
    errors = [next(published) if isinstance(order, Order) else order for order in orders]
    for message, order, error in zip(messages, orders, errors, strict=True):
        if isinstance(order, Order) and error is None:
            logger.set_correlation_id(message.correlation_id)
            _log(order)
    return errors


def _event(order: Order) -> events.OrderRecorded | events.OrderRejected:
    event = events.OrderRejected if order.rejection else events.OrderRecorded
    return event(tenant_id=order.tenant_id, order_id=order.id)


def _log(order: Order) -> None:
    if order.rejection:
        logger.info("order rejected", order_id=str(order.id), code=order.rejection.code)
    else:
        logger.info("order recorded", order_id=str(order.id), order_number=order.order_number)
