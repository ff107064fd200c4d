"""A page of a tenant's orders beside the one query that it needs, and what is read for it, however many there are."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from common.repository import MAX_PAGE_SIZE, OrderFilter, OrderRepository
from labs.bench import api, orders
from labs.bench.answers import Customer, side_by_side
from labs.bench.calls import Calls
from labs.bench.floors import beside
from labs.bench.rows import Row
from localstack import engines
from localstack.aws import Aws
from localstack.stack import Stack
from localstack.up import console

SIZES: Final = (100, 10_000, 100_000)
PAGE: Final = 50
# The queries of one request (common/repository.py), each of at most so many orders.
_BOUND: Final = 10 * MAX_PAGE_SIZE
_NOTE: Final = "the floor answers nothing, ours the fifty orders; the engine reads an index in its order, as AWS does"


def _tenant(size: int) -> str:
    return f"bench-list-{size}"


def measure(rounds: int) -> Iterator[Row]:
    """Lists of 100, 10,000 and 100,000 orders.

    Args:
        rounds: to measure.

    Raises:
        StackError: there is no stack that answers as it should.
    """
    stack = engines.require()
    aws, table = Aws(stack.endpoint), stack.outputs["orders_table"]
    try:
        with _progress() as progress:
            for size in SIZES:
                task = progress.add_task(f"write {size:,} orders", total=size)
                orders.write(aws.dynamodb, table, _tenant(size), size, partial(progress.advance, task))
        with beside.beside(stack, beside.LIST):
            for size in SIZES:
                yield _timed(stack, size, rounds)
        for size in SIZES:
            yield read_for_a_page(stack, size)
        for size in SIZES:
            yield read_for_a_seldom_status(stack, size)
        yield requests_for_a_seldom_status(stack, SIZES[-1])
    finally:
        with _progress() as progress:
            for size in SIZES:
                task = progress.add_task(f"remove {size:,} orders", total=size)
                orders.remove(aws.dynamodb, table, _tenant(size), size, partial(progress.advance, task))


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _timed(stack: Stack, size: int, rounds: int) -> Row:
    customer = Customer(stack, _tenant(size))

    def listed(root: str) -> float:
        return customer.seconds("GET", f"{root}/tenants/{customer.tenant}/orders?pageSize={PAGE}", 200)

    times = [side_by_side(lambda: listed("/v1.0"), lambda: listed("/bench")) for _ in range(rounds)]
    floor = "a function on the same route that makes the one Query"
    return api.row(f"list {PAGE} of {size:,} orders, warm", 0.5, times, floor, part="list", note=_NOTE)


def _repository(stack: Stack) -> tuple[OrderRepository, Calls]:
    """The repository of list_orders, and what it asks: a client of its own, so that nobody else is counted."""
    client = Aws(stack.endpoint).dynamodb
    return OrderRepository(client, stack.outputs["orders_table"]), Calls(client)


def read_for_a_page(stack: Stack, size: int) -> Row:
    """How many orders are read for a page without a filter."""
    repository, calls = _repository(stack)
    repository.list_by_date(_tenant(size), PAGE, OrderFilter())
    return Row(
        part="list",
        what=f"orders read for {PAGE} of {size:,}",
        unit="reads",
        ours=(float(calls.items_read),),
        limit=PAGE + 1,
        note=f"in {_queries(calls)}; one more than the page says whether another page follows",
    )


def read_for_a_seldom_status(stack: Stack, size: int) -> Row:
    """How many orders one request reads for a page of a status that one in a thousand has."""
    repository, calls = _repository(stack)
    page = repository.list_by_date(_tenant(size), PAGE, OrderFilter(status=orders.SELDOM))
    return Row(
        part="list",
        what=f"orders read by one request for a status that 1 in {orders.SELDOM_EVERY:,} has, of {size:,}",
        unit="reads",
        ours=(float(calls.items_read),),
        limit=_BOUND,
        note=f"in {_queries(calls)}, and {len(page.orders)} found; then the request answers with where to go on",
    )


def requests_for_a_seldom_status(stack: Stack, size: int) -> Row:
    """How many requests a caller makes for a full page of a status that one in a thousand has."""
    repository, calls = _repository(stack)
    narrowed, position = OrderFilter(status=orders.SELDOM), None
    found = requests = 0
    while found < PAGE and (requests == 0 or position):
        page = repository.list_by_date(_tenant(size), PAGE - found, narrowed, position)
        found, requests, position = found + len(page.orders), requests + 1, page.position
    return Row(
        part="list",
        what=f"requests for {found} orders of a status that 1 in {orders.SELDOM_EVERY:,} has, of {size:,}",
        unit="calls",
        ours=(float(requests),),
        note=f"{calls.items_read:,} orders read in {_queries(calls)}; never more requests than one for each "
        f"{_BOUND:,} of the tenant's orders, and one",
    )


def _queries(calls: Calls) -> str:
    count = calls.operations["Query"]
    return f"{count} quer{'y' if count == 1 else 'ies'}"
