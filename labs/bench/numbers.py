"""Order numbers taken by fifty batches at once, beside a counter that as many add to without a condition."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from common.errors import TransientError
from common.numbering import format_number
from common.repository import OrderRepository
from labs.bench import orders
from labs.bench.calls import Calls
from labs.bench.rows import Row
from localstack import engines
from localstack.stack import ACCOUNT, REGION, SIGNATURE, Stack, StackError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TENANT: Final = "bench-numbers"
BATCHES: Final = 50
# Of the record function's mapping (terraform/locals.tf).
_CONCURRENCY: Final = 5
# As many as SQS gives a consumer.
_ORDERS: Final = 10
# Of a message, before it goes to the DLQ (R4).
_DELIVERIES: Final = 3
# Each round has a year of its own, and so a counter that begins anew.
_FIRST_YEAR: Final = 2090
_FLOOR_KEY: Final[Any] = {"PK": {"S": "COUNTER#BENCH"}, "SK": {"S": "FLOOR"}}


def measure(rounds: int) -> Iterator[Row]:
    """How many numbers a second the record function's own code gives, and how many updates a counter takes.

    Args:
        rounds: to measure.

    Raises:
        StackError: a number is missing or was given twice, or there is no stack.
    """
    stack = engines.require()
    client, table = _client(stack), stack.outputs["orders_table"]
    years = iter(range(_FIRST_YEAR, 9999))
    for batches in (BATCHES, _CONCURRENCY):
        calls = Calls(client)
        ours, floor = [], []
        for year in itertools.islice(years, rounds):
            try:
                floor.append(_counted(client, table, batches))
                ours.append(_recorded(client, table, batches, year))
            finally:
                orders.remove(client, table, TENANT, batches * _ORDERS, lambda _: None)
                for key in (_FLOOR_KEY, {"PK": {"S": "COUNTER#ORDER"}, "SK": {"S": f"YEAR#{year}"}}):
                    client.delete_item(TableName=table, Key=key)
        calls.end()
        conflicts = calls.errors["TransactionCanceledException"]
        yield Row(
            part="numbers",
            what=f"order numbers taken by {batches} batches at once",
            unit="1/s",
            ours=tuple(ours),
            beside="as many unconditional updates of one counter",
            floor=tuple(floor),
            note=f"{rounds} × {batches * _ORDERS} orders, numbered from 1 without gap or duplicate; {conflicts:,} "
            "conflicts were tried again. A number is a read and a transaction, and each conflict is one pair more"
            + ("" if batches == BATCHES else "; so many are at work in AWS, by the record function's concurrency"),
        )


def _client(stack: Stack) -> DynamoDBClient:
    """A client with a connection for each batch."""
    return boto3.client(
        "dynamodb",
        endpoint_url=stack.endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=SIGNATURE,
        config=Config(max_pool_connections=BATCHES),
    )


def _counted(client: DynamoDBClient, table: str, batches: int) -> float:
    """How many unconditional updates of a counter are made a second."""

    def add(_: int) -> None:
        client.update_item(
            TableName=table,
            Key=_FLOOR_KEY,
            UpdateExpression="ADD lastNumber :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    # Each batch's connection is made before it counts.
    at_once(add, batches, each=1)
    return at_once(add, batches, each=_ORDERS)


def _recorded(client: DynamoDBClient, table: str, batches: int, year: int) -> float:
    """How many orders of a year are recorded a second.

    Raises:
        StackError: a number is missing or was given twice, or an order got none.
    """
    repository = OrderRepository(client, table)
    drafts = [orders.draft(TENANT, n, datetime(year, 6, 1, tzinfo=UTC)) for n in range(batches * _ORDERS)]
    numbers: list[str] = []

    def record(n: int) -> None:
        again = Retrying(
            retry=retry_if_exception_type(TransientError), stop=stop_after_attempt(_DELIVERIES), reraise=True
        )
        numbers.append(again(repository.record, drafts[n]).order.order_number)

    try:
        rate = at_once(record, batches, each=_ORDERS)
    except TransientError as error:
        raise StackError(
            f"an order got no number in {_DELIVERIES} deliveries, so others were faster: {error}"
        ) from error
    require_no_gap(numbers, year, len(drafts))
    return rate


def at_once(one: Callable[[int], None], batches: int, each: int) -> float:
    """How many are done a second when every batch does some, all batches at once.

    Args:
        one: does the one of a number, counted from 0.
        batches: how many there are.
        each: how many a batch does, one after the other.
    """

    def batch(number: int) -> None:
        for n in range(number * each, (number + 1) * each):
            one(n)

    with ThreadPoolExecutor(batches) as pool:
        began = time.perf_counter()
        list(pool.map(batch, range(batches)))
        return batches * each / (time.perf_counter() - began)


def require_no_gap(numbers: Collection[str], year: int, count: int) -> None:
    """Refuse order numbers that are not those from 1 to a count, each once.

    Raises:
        StackError: they are not; names the first that is missing, or how many there are.
    """
    wanted = [format_number(year, n) for n in range(1, count + 1)]
    if sorted(numbers) == wanted:
        return
    missing = next((number for number in wanted if number not in numbers), None)
    raise StackError(
        f"{len(numbers)} orders were numbered, of {count}, "
        + (f"and none is {missing}" if missing else "and one number was given twice")
        + ": see OrderRepository.record"
    )
