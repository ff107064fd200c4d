"""POST and GET of an order, warm, beside functions on the same routes that make one call to AWS and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from labs.bench import orders
from labs.bench.answers import Customer, Round, side_by_side
from labs.bench.floors import beside
from labs.bench.rows import Row
from localstack import demo, engines
from localstack.aws import Aws
from localstack.stack import Stack
from ops import queues
from tooling.agreed_limits import percentile
from tooling.polling import poll

TENANT: Final = "bench-api"
_LIMIT: Final = 1.3
_PAUSE_SECONDS: Final = 30


def measure(rounds: int) -> Iterator[Row]:
    """POST and GET of an order.

    Args:
        rounds: to measure.

    Raises:
        StackError: there is no stack that answers as it should.
    """
    stack = engines.require()
    aws, table, customer = Aws(stack.endpoint), stack.outputs["orders_table"], Customer(stack, TENANT)
    body = demo.request(customer.email, "cart-1")
    (order,) = orders.orders(TENANT, range(1))

    def posted(path: str) -> float:
        return customer.seconds("POST", path, 202, body)

    def got(path: str) -> float:
        return customer.seconds("GET", f"{path}/{order.id}", 200)

    try:
        orders.write(aws.dynamodb, table, TENANT, 1, lambda _: None)
        with creation_held(aws, stack), beside.beside(stack, beside.CREATE, beside.GET):
            posts, gets = [], []
            for _ in range(rounds):
                posts.append(side_by_side(lambda: posted("/v1.0/orders"), lambda: posted("/bench/orders")))
                gets.append(side_by_side(lambda: got("/v1.0/orders"), lambda: got("/bench/orders")))
    finally:
        orders.remove(aws.dynamodb, table, TENANT, 1, lambda _: None)
    message = "a function on the same route that sends one SQS message"
    held = "the consumer of the creation queue is held meanwhile"
    yield row("POST an order, warm", 0.5, posts, message, note=held)
    yield row("POST an order, warm", 0.95, posts, message, note=held)
    item = "a function on the same route that makes the one GetItem"
    yield row("GET an order, warm", 0.5, gets, item)
    yield row("GET an order, warm", 0.95, gets, item)


def row(what: str, share: float, times: list[Round], floor: str, part: str = "api", note: str = "") -> Row:
    """A row of a percentile of each round.

    Args:
        what: was asked.
        share: of the times that are no longer, 0 to 1.
        times: of the rounds.
        floor: what was asked beside it.
        part: of the bench.
        note: for the reader.
    """
    return Row(
        part=part,
        what=f"{what}, p{share * 100:.0f}",
        unit="s",
        ours=tuple(percentile(each.ours, share) for each in times),
        beside=floor,
        floor=tuple(percentile(each.floor, share) for each in times),
        limit=_LIMIT,
        note=note,
    )


@contextmanager
def creation_held(aws: Aws, stack: Stack) -> Iterator[None]:
    """Leave messages in the creation queue while something is measured, and then throw them away.

    Floors send what is no order, and invoices drawn meanwhile would take the machine.

    Raises:
        StackError: the queue's consumer does not stop or go on.
    """
    queue = stack.outputs["queue_names"]["order_creator_record"]

    def switch(enabled: bool) -> None:
        queues.enable_consumer(aws.sqs, aws.functions, queue, enabled)
        wanted = "Enabled" if enabled else "Disabled"
        poll(
            f"the consumer of {queue} {wanted.lower()}",
            lambda: queues.states(aws.sqs, aws.functions, [queue])[0].consumer == wanted or None,
            _PAUSE_SECONDS,
        )

    switch(enabled=False)
    try:
        yield
    finally:
        aws.sqs.purge_queue(QueueUrl=queues.url(aws.sqs, queue))
        switch(enabled=True)
