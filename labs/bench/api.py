"""POST, GET and list of orders, warm, compared with functions behind the same API that make one AWS call."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from common.repository import MAX_PAGE_SIZE, OrderFilter, OrderRepository
from labs.bench import orders
from labs.bench.baselines import behind_api
from labs.bench.report import Row, Sides, measure_rounds, row, seconds
from labs.customers import Customer, customer
from localstack import demo, engines
from localstack.aws import Aws
from localstack.stack import Stack
from ops import queues
from tooling.polling import poll

# Of the ratio: of a request for one order, and of a list.
_LIMIT, _LIST_LIMIT = 1.15, 1.3
# Requests of each side in a round, and before it.
_TIMES, _WARM = 200, 30
_PAGE: Final = 50
SIZES: Final = (100, 10_000, 100_000)


def measure(rounds: int) -> Iterator[Row]:
    """Measure POST and GET of an order; UserError if the stack is not up or the API responded with an error."""
    stack = engines.require()
    buyer = _customer_with_orders(stack, "bench-api", 1)
    body, (order,) = demo.request(buyer.email, "cart-1"), orders.orders(buyer.tenant, range(1))
    with (
        creation_held(stack),
        behind_api(stack, "accept", "create_order", "POST", "orders") as accepts,
        behind_api(stack, "send", "create_order", "POST", "orders") as sends,
    ):
        post = _sides(rounds, buyer, accepts, "POST", "orders", expect=(202,), json=body)
        alone = _sides(rounds, buyer, sends, "POST", "orders", expect=(202,), json=body)
    with behind_api(stack, "get_item", "get_order", "GET", "orders/{orderId}") as gets:
        get = _sides(rounds, buyer, gets, "GET", f"orders/{order.id}")
    for share in (0.5, 0.95):
        p = f"p{share * 100:.0f}"
        yield row("api", f"POST an order, warm, {p}", post, "a function that makes its two calls", _LIMIT, share)
        yield row("api", f"POST an order, warm, {p}", alone, "a function that sends the message alone", None, share)
        yield row("api", f"GET an order, warm, {p}", get, "a function that makes the GetItem", _LIMIT, share)


def measure_list(rounds: int) -> Iterator[Row]:
    """Measure lists of 100, 10,000 and 100,000 orders, and count the orders that DynamoDB reads for them."""
    stack = engines.require()
    with behind_api(stack, "query", "list_orders", "GET", "tenants/{tenantId}/orders") as baseline:
        for size in SIZES:
            yield from _measure_lists_of(stack, size, baseline, rounds)


def _measure_lists_of(stack: Stack, size: int, baseline: str, rounds: int) -> Iterator[Row]:
    buyer = _customer_with_orders(stack, f"bench-list-{size}", size)
    sides = _sides(rounds, buyer, baseline, "GET", f"tenants/{buyer.tenant}/orders?pageSize={_PAGE}")
    what, vs = f"list {_PAGE} of {size:,} orders, warm, p50", "a function that makes the Query"
    yield row("list", what, sides, vs, _LIST_LIMIT)
    read = _reads(stack, buyer.tenant, OrderFilter())
    yield Row("list", f"orders read for {_PAGE} of {size:,}", "reads", (read,), limit=_PAGE + 1)
    rare = _reads(stack, buyer.tenant, OrderFilter(status=orders.RARE))
    what = f"orders read by a request for a status that 1 in {orders.RARE_EVERY:,} has, of {size:,}"
    # A request makes at most ten queries (common/repository.py).
    yield Row("list", what, "reads", (rare,), limit=10 * MAX_PAGE_SIZE)


def _customer_with_orders(stack: Stack, tenant: str, count: int) -> Customer:
    orders.write(Aws(stack.endpoint).dynamodb, stack.outputs["orders_table"], tenant, count)
    return customer(stack, tenant)


def _sides(
    rounds: int,
    buyer: Customer,
    baseline: str,
    method: str,
    path: str,
    expect: tuple[int, ...] = (200,),
    **options: Any,
) -> Sides:
    """Seconds of a request to us, and to the baseline by the first segment of its path."""

    def request(root: str) -> float:
        return seconds(lambda: buyer.api.request(method, f"/{root}/{path}", expect=expect, **options))

    return measure_rounds(rounds, lambda: request("v1.0"), lambda: request(baseline), _TIMES, _WARM)


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
