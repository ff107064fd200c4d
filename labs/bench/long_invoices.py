"""The largest orders and one-line orders in one batch: how long the invoices take, and what waits behind them."""

import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import psutil

from common.models import MAX_CART_LINES
from labs.bench.cost import BATCH, durations, logs_since
from labs.bench.placing import MAILS, place
from labs.bench.report import Row
from labs.chaos.load import retried
from labs.customers import ITEMS, Customer, customer, put_cart
from localstack import demo, engines
from localstack.aws import Aws
from localstack.mails import Mail, MailFolder
from localstack.stack import Stack
from ops.queues import states, wait_idle
from tooling.agreed_limits import LIMITS
from tooling.polling import poll

# The order that takes longest of those that fit into an item of the table (docs/decisions/0018-invoices.md).
_LARGEST: Final[list[dict[str, Any]]] = [{**ITEMS[0], "quantity": 1, "name": "W" * 300}] * MAX_CART_LINES
_PDF = "order_pdf_creator"
_SECONDS = 300


def counts(cores: int) -> tuple[int, int]:
    """How many of the largest orders a batch has, and how many one-line orders behind them.

    In AWS each call has a processor of its own, so there are as many of the largest as there are cores.
    """
    largest = min(cores, BATCH - 1)
    return largest, BATCH - largest


def waits(placed: Mapping[str, float], mails: Collection[tuple[str, float]]) -> list[float] | None:
    """Seconds from each request to the last mail of its order; None until all mails have come.

    Args:
        placed: When orders were requested, in seconds since the epoch, by correlation id.
        mails: Correlation id and time of arrival of mails.
    """
    arrived: dict[str, list[float]] = {correlation: [] for correlation in placed}
    for correlation, at in mails:
        if correlation in arrived:
            arrived[correlation].append(at)
    if any(len(times) < MAILS for times in arrived.values()):
        return None
    return [max(times) - placed[correlation] for correlation, times in arrived.items()]


def measure(rounds: int) -> Iterator[Row]:
    """Measure the longest call of the invoice function, and the slowest of the one-line orders."""
    stack, cores = engines.require(), psutil.cpu_count() or 1
    buyer = customer(stack, f"bench-long-{uuid.uuid4().hex[:8]}")
    carts = [put_cart(stack.cart_url, buyer.tenant, items) for items in (_LARGEST, ITEMS[:1])]
    place(stack, 1, _SECONDS)
    queues, taken = stack.outputs["queue_names"].values(), []
    for _ in range(rounds):
        taken.append(_batch(stack, buyer, carts, *counts(cores)))
        # The mails of the largest orders come after their invoices.
        wait_idle(Aws(stack.endpoint).sqs, queues, _SECONDS)
    calls, behind = zip(*taken, strict=True)
    function = stack.outputs["function_names"][_PDF]
    timeout = Aws(stack.endpoint).functions.get_function_configuration(FunctionName=function)["Timeout"]
    largest, short = counts(cores)
    what = f"invoice of the largest order, {largest} at once: the longest call"
    yield Row("long", what, "s", calls, limit=timeout / 2, note=f"the function has {timeout} s")
    what = f"{short} one-line orders behind them: from request to last mail, the slowest"
    yield Row("long", what, "s", behind, limit=LIMITS["customer mail"])


def _batch(stack: Stack, buyer: Customer, carts: Sequence[str], largest: int, short: int) -> tuple[float, float]:
    """Seconds of the longest call of the invoice function, and until the last mail of the slowest one-line order."""
    aws, mails, since = Aws(stack.endpoint), MailFolder(stack.mail_dir), int(time.time() * 1_000)
    mails.refresh()
    arrived: list[Mail] = []
    queue = stack.outputs["queue_names"][_PDF]

    def order(cart: str) -> tuple[str, float]:
        correlation, began = f"bench-{uuid.uuid4()}", time.time()
        body = demo.request(buyer.email, cart)
        retried(lambda: buyer.api.place(body, idempotency_key=correlation, correlation_id=correlation))
        return correlation, began

    def all_rendering() -> bool | None:
        (state,) = states(aws.sqs, aws.functions, [queue])
        return state.hidden == largest or None

    def mailed(placed: Mapping[str, float]) -> list[float] | None:
        arrived.extend(mails.refresh())
        return waits(placed, [(mail.correlation_id, mail.at.timestamp()) for mail in arrived])

    def called() -> list[float] | None:
        """Seconds of every call; a call that ran out of time, and its repetition, are calls like others."""
        seconds = durations(logs_since(aws, stack.outputs["function_names"][_PDF], since))
        return seconds if len(seconds) >= largest + short else None

    for _ in range(largest):
        order(carts[0])
    poll(f"{largest} invoices being rendered", all_rendering, _SECONDS)
    behind = dict(order(carts[1]) for _ in range(short))
    slowest = max(poll(f"mails of {short} one-line orders", partial(mailed, behind), _SECONDS, interval=0.2))
    return max(poll(f"{largest + short} calls of {_PDF}", called, _SECONDS, interval=1)), slowest
