"""Order numbers taken by many batches at once, compared with unconditional updates of one counter."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from botocore.config import Config
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from common.clients import DYNAMODB_CONFIG
from common.errors import TransientError
from common.numbering import format_number
from common.recording import OrderRecorder, Recorded
from labs.bench import orders
from labs.bench.report import Row, seconds
from localstack import engines
from localstack.aws import Aws
from localstack.stack import StackError

# Many, and as many as run at once in AWS (the maximum concurrency of the record function's mapping), with the ratio to
# reach.
BATCHES: Final = {50: 0.4, 5: 0.5}
# Orders of a batch, and deliveries of a message before it moves to the DLQ, as in AWS.
_ORDERS, _DELIVERIES = 10, 3
# Each round uses a separate year, so its counter begins at 1.
_FIRST_YEAR = 2090


def measure(rounds: int) -> Iterator[Row]:
    """Measure how many orders the record function's own code numbers in a second."""
    stack = engines.require()
    # Patient: a round on a busy machine is slow, and not wrong.
    config = DYNAMODB_CONFIG.merge(Config(max_pool_connections=max(BATCHES), read_timeout=60))
    client = Aws(stack.endpoint).session.client("dynamodb", endpoint_url=stack.endpoint, config=config)
    table, years = stack.outputs["orders_table"], iter(range(_FIRST_YEAR, 9999))
    for batches, limit in BATCHES.items():
        # Opens the connections, which both sides use.
        _count(client, table, batches)
        rates = [(_record(client, table, batches, next(years)), _count(client, table, batches)) for _ in range(rounds)]
        ours, baseline = zip(*rates, strict=True)
        what, vs = f"orders numbered and recorded by {batches} batches at once", "unconditional updates of one counter"
        note = f"{batches * _ORDERS} orders in a round, numbered from 1 without gap or duplicate"
        yield Row("numbers", what, "1/s", ours, vs, baseline, limit, at_least=True, note=note)


def _count(client: Any, table: str, batches: int) -> float:
    def add() -> None:
        client.update_item(
            TableName=table,
            Key={"PK": {"S": "COUNTER#BENCH"}, "SK": {"S": "BASELINE"}},
            UpdateExpression="ADD lastNumber :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    def batch(_: int) -> None:
        for _ in range(_ORDERS):
            add()

    return batches * _ORDERS / at_once(batch, batches)


def _record(client: Any, table: str, batches: int, year: int) -> float:
    recorder, numbers = OrderRecorder(client, table), list[str]()
    drafts = [orders.draft(f"bench-{year}", n, datetime(year, 6, 1, tzinfo=UTC)) for n in range(batches * _ORDERS)]

    @retry(retry=retry_if_exception_type(TransientError), stop=stop_after_attempt(_DELIVERIES), reraise=True)
    def record(number: int) -> None:
        outcomes = recorder.record(drafts[number * _ORDERS : (number + 1) * _ORDERS])
        failed = [each for each in outcomes if not isinstance(each, Recorded)]
        if failed:
            raise failed[0]
        numbers.extend(str(each.order.order_number) for each in outcomes if isinstance(each, Recorded))

    try:
        rate = len(drafts) / at_once(record, batches)
    except TransientError as error:
        raise StackError(f"an order was not numbered in {_DELIVERIES} deliveries: {error}") from error
    require_no_gap(numbers, year, len(drafts))
    return rate


def at_once(batch: Callable[[int], None], batches: int) -> float:
    """Seconds that batches take that run at the same time."""
    with ThreadPoolExecutor(batches) as pool:
        return seconds(lambda: list(pool.map(batch, range(batches))))


def require_no_gap(numbers: Collection[str], year: int, count: int) -> None:
    """Require the order numbers from 1 to a count; StackError if one is missing or was given twice."""
    expected = [format_number(year, n) for n in range(1, count + 1)]
    if sorted(numbers) != expected:
        missing = next((number for number in expected if number not in numbers), "none")
        raise StackError(f"{len(numbers)} of {count} orders have a number; missing: {missing}, or a number came twice")
