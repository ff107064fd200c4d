"""Orders on record in the engine's table."""

from common import clients
from common.order import Order, OrderDraft
from common.recording import OrderRecorder, Recorded
from common.settings import settings


def recorder() -> OrderRecorder:
    """The recorder of the engine's table."""
    return OrderRecorder(clients.dynamodb(), settings.orders_table)


def record(draft: OrderDraft) -> Recorded:
    """Number and record one order; raises the error that keeps it from being recorded."""
    (outcome,) = recorder().record([draft])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def reject(rejected: Order) -> Recorded:
    """Record a rejected order."""
    return recorder().reject(rejected)
