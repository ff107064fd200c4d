"""POST, GET and list of orders, warm, compared with functions behind the same API that make one AWS call."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from common.repository import MAX_PAGE_SIZE, OrderFilter, OrderRepository
from labs.bench import orders
from labs.bench.baselines import behind_api
from labs.bench.report import Row, interleave
from labs.customers import Customer, customer
from localstack import demo, engines
from localstack.aws import Aws
from localstack.stack import Stack
from ops import queues
from tooling.agreed_limits import percentile
from tooling.polling import poll

_LIMIT = 1.3
# Requests of each side in a round, and before it.
_TIMES, _WARM = 200, 30
_PAGE: Final = 50
SIZES: Final = (100, 10_000, 100_000)


def measure(rounds: int) -> Iterator[Row]:
    """Measure POST and GET of an order; UserError if the stack is not up or the API responded with an error."""
    stack = engines.require()
    buyer = customer(stack, "bench-api")
    body = demo.request(buyer.email, "cart-1")
    orders.write(Aws(stack.endpoint).dynamodb, stack.outputs["orders_table"], buyer.tenant, 1)
    (order,) = orders.orders(buyer.tenant, range(1))
    posts = behind_api(stack, "send_message", "create_order", "POST", "orders")
    gets = behind_api(stack, "get_item", "get_order", "GET", "orders/{orderId}")
    with creation_held(stack):
        post = _sides(rounds, posts, lambda root: _seconds(buyer, "POST", f"/{root}/orders", 202, json=body))
    get = _sides(rounds, gets, lambda root: _seconds(buyer, "GET", f"/{root}/orders/{order.id}", 200))
    for share in (0.5, 0.95):
        yield row("api", "POST an order, warm", share, post, "a function that sends the SQS message")
        yield row("api", "GET an order, warm", share, get, "a function that makes the GetItem")


def measure_list(rounds: int) -> Iterator[Row]:
    """Measure lists of 100, 10,000 and 100,000 orders, and count the orders that DynamoDB reads for them."""
    stack = engines.require()
    baseline = behind_api(stack, "query", "list_orders", "GET", "tenants/{tenantId}/orders")
    for size in SIZES:
        buyer = customer(stack, f"bench-list-{size}")
        orders.write(Aws(stack.endpoint).dynamodb, stack.outputs["orders_table"], buyer.tenant, size)
        path = f"tenants/{buyer.tenant}/orders?pageSize={_PAGE}"
        sides = _sides(rounds, baseline, lambda root: _seconds(buyer, "GET", f"/{root}/{path}", 200))  # noqa: B023
        yield row("list", f"list {_PAGE} of {size:,} orders, warm", 0.5, sides, "a function that makes the Query")
        read = _reads(stack, buyer.tenant, OrderFilter())
        yield Row("list", f"orders read for {_PAGE} of {size:,}", "reads", (read,), limit=_PAGE + 1)
        rare = _reads(stack, buyer.tenant, OrderFilter(status=orders.RARE))
        what = f"orders read by a request for a status that 1 in {orders.RARE_EVERY:,} has, of {size:,}"
        # A request makes at most ten queries (common/repository.py).
        yield Row("list", what, "reads", (rare,), limit=10 * MAX_PAGE_SIZE)


def _seconds(buyer: Customer, method: str, path: str, status: int, **options: Any) -> float:
    began = time.perf_counter()
    buyer.api.request(method, path, expect=(status,), **options)
    return time.perf_counter() - began


def _sides(rounds: int, baseline: str, seconds: Callable[[str], float]) -> list[tuple[list[float], list[float]]]:
    """Seconds of each round, ours and the baseline's, by the first segment of the path."""
    return [interleave(lambda: seconds("v1.0"), lambda: seconds(baseline), _TIMES, _WARM) for _ in range(rounds)]


def row(part: str, what: str, share: float, sides: list[tuple[list[float], list[float]]], vs: str) -> Row:
    """A row with a percentile of each round's seconds, ours and the baseline's."""
    ours, baseline = (tuple(percentile(side, share) for side in each) for each in zip(*sides, strict=True))
    return Row(part, f"{what}, p{share * 100:.0f}", "s", ours, vs, baseline, _LIMIT)


def _reads(stack: Stack, tenant: str, filters: OrderFilter) -> float:
    """Orders that DynamoDB reads for a page, before filters."""
    client = Aws(stack.endpoint).dynamodb
    scanned: list[int] = []
    client.meta.events.register("after-call.dynamodb.Query", lambda parsed, **_: scanned.append(parsed["ScannedCount"]))
    OrderRepository(client, stack.outputs["orders_table"]).list_by_date(tenant, _PAGE, filters)
    return float(sum(scanned))


@contextmanager
def creation_held(stack: Stack) -> Iterator[None]:
    """Keep messages in the creation queue, and delete them at the end: invoices would take the processors."""
    aws, queue = Aws(stack.endpoint), stack.outputs["queue_names"]["order_creator_record"]

    def switch(enabled: bool) -> None:
        queues.enable_consumer(aws.sqs, aws.functions, queue, enabled)
        state = "Enabled" if enabled else "Disabled"

        def switched() -> bool | None:
            return queues.states(aws.sqs, aws.functions, [queue])[0].consumer == state or None

        poll(f"the consumer of {queue} {state.lower()}", switched, seconds=30)

    switch(enabled=False)
    try:
        yield
    finally:
        aws.sqs.purge_queue(QueueUrl=queues.url(aws.sqs, queue))
        switch(enabled=True)
