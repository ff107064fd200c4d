"""What a few orders use of AWS, placed one at a time on a quiet stack."""

from __future__ import annotations

import re
import time
import uuid
from collections import Counter, defaultdict
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labs.bench import customers, units
from labs.bench.customers import Customers
from labs.bench.needed import BOTH, COUNTER, NOTES, ORDERS
from labs.bench.trail import Event, recorded
from labs.bench.units import Item, Units
from labs.bench.workers import cpu_seconds
from localstack.aws import Aws
from localstack.stack import Stack, StackError
from ops.queues import wait_idle

if TYPE_CHECKING:
    from collections.abc import Iterable

# Few enough that the engine's trail gives the calls of all of them.
_ORDERS = 5
_SECONDS = 60
# CloudWatch Logs counts so many bytes beside each event's text.
_EVENT_BYTES = 26
_REPORT = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms\t")


class Call(NamedTuple):
    """A call: the folder of the function that makes it, what it asks for, and of what."""

    function: str
    action: str
    target: str


class Spent(NamedTuple):
    """The seconds of one call of a function: computing, on one core of this machine, and waiting for others."""

    cpu: float
    waiting: float


class Measured(NamedTuple):
    """What one order used.

    Args:
        calls: of the functions.
        units: of DynamoDB, by target.
        spent: by each function.
        log_bytes: as CloudWatch Logs counts them.
        item_bytes: of the order in the table.
        invoice_bytes: of the PDF.
        attachment_bytes: of the PDF as it is mailed.
    """

    calls: Counter[Call]
    units: dict[str, Units]
    spent: dict[str, Spent]
    log_bytes: float
    item_bytes: float
    invoice_bytes: float
    attachment_bytes: float


def warm_up(stack: Stack) -> None:
    """Place one order, so that every function that it needs runs, and has read its templates."""
    _place(stack, 1)


def measure(stack: Stack) -> Measured:
    """Place orders, and say what each of them used.

    Raises:
        StackError: they did not make the same calls.
    """
    began, before = int(time.time() * 1_000), cpu_seconds(stack)
    with recorded(stack) as trail:
        confirmations = _place(stack, _ORDERS)
    after = cpu_seconds(stack)
    folders = {name: folder for folder, name in stack.outputs["function_names"].items()}
    # Each process reads its templates every five minutes, whatever the number of orders.
    events = [event for event in trail.events if stack.outputs["templates_bucket"] not in event.resources]
    logged = {name: _logged(stack, name, began) for name in folders}
    spent = {
        folder: _spent(after[name] - before.get(name, 0), durations)
        for name, folder in folders.items()
        if (durations := [float(found[1]) / 1_000 for text in logged[name] if (found := _REPORT.match(text))])
    }
    item_of = _Items(stack)
    invoices = [_attachment(path) for path in confirmations]
    return Measured(
        calls=of_one((Call(folders[e.function], f"{e.service}:{e.action}", _target(e)) for e in events), _ORDERS),
        units=_units(events, item_of, _indexes(stack)),
        spent=spent,
        log_bytes=sum(len(text.encode()) + _EVENT_BYTES for lines in logged.values() for text in lines) / _ORDERS,
        item_bytes=_mean(units.item_bytes(item_of(*key)) for key in _orders(events)),
        invoice_bytes=_mean(len(part.get_payload(decode=True)) for part in invoices),
        attachment_bytes=_mean(len(part.get_payload()) for part in invoices),
    )


def of_one(calls: Iterable[Call], orders: int) -> Counter[Call]:
    """The calls of one of several orders.

    Raises:
        StackError: they did not make the same calls.
    """
    counted = Counter(calls)
    uneven = [" ".join(call) for call, times in counted.items() if times % orders]
    if uneven:
        raise StackError(
            f"{orders} orders did not make the same calls: {', '.join(uneven)}; see that nobody else uses the stack, "
            "and that no message is tried again (`make queues`)"
        )
    return Counter({call: times // orders for call, times in counted.items()})


def _place(stack: Stack, orders: int) -> list[Path]:
    """Orders one after the other, each until every queue is empty; the paths of their confirmations."""
    buyers, confirmations = Customers(stack), []
    for _ in range(orders):
        there, correlation = customers.count(stack), f"bench-{uuid.uuid4()}"
        buyers.order(correlation)
        confirmations += [mailed.customer for mailed in buyers.await_mails([correlation], _SECONDS, there)]
        wait_idle(Aws(stack.endpoint).sqs, stack.outputs["queue_names"].values(), _SECONDS)
    return confirmations


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _spent(cpu: float, durations: list[float]) -> Spent:
    computing = cpu / len(durations)
    # The shortest: what else the machine does only makes a call longer.
    return Spent(computing, max(0.0, min(durations) - computing))


def _target(event: Event) -> str:
    match event.service:
        case "dynamodb" if event.action == "TransactWriteItems":
            return BOTH
        case "dynamodb" if "idempotency" in event.request["TableName"]:
            return NOTES
        case "dynamodb":
            return COUNTER if event.request["Key"]["PK"]["S"].startswith("COUNTER#") else ORDERS
        case service:
            return {"s3": "invoice", "sqs": "creation queue", "sns": "events", "ses": "mail"}.get(service, "")


def _orders(events: list[Event]) -> list[tuple[str, Item]]:
    """Tables and keys of the orders that were read for their invoices."""
    return [
        (event.request["TableName"], event.request["Key"])
        for event in events
        if (event.action, _target(event)) == ("UpdateItem", ORDERS)
    ]


class _Items:
    """The items of the stack's tables, as they are now."""

    def __init__(self, stack: Stack) -> None:
        self._client: Any = Aws(stack.endpoint).dynamodb

    def __call__(self, table: str, key: Item) -> Item:
        found: Item = self._client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return found


def _indexes(stack: Stack) -> dict[str, int]:
    """How many indexes of each table hold every attribute."""
    client = Aws(stack.endpoint).dynamodb
    tables = [stack.outputs["orders_table"], stack.outputs["idempotency_table"]]
    found = {table: client.describe_table(TableName=table)["Table"] for table in tables}
    return {
        table: sum(index["Projection"]["ProjectionType"] == "ALL" for index in about.get("GlobalSecondaryIndexes", []))
        for table, about in found.items()
    }


def _units(events: list[Event], item_of: _Items, indexes: dict[str, int]) -> dict[str, Units]:
    reads, writes = defaultdict[str, float](float), defaultdict[str, float](float)
    for event in events:
        if event.service == "dynamodb":
            used = units.of_call(event.action, event.request, item_of, indexes)
            reads[_target(event)] += used.reads / _ORDERS
            writes[_target(event)] += used.writes / _ORDERS
    return {target: Units(reads[target], writes[target]) for target in reads}


def _logged(stack: Stack, function: str, since: int) -> list[str]:
    pages = Aws(stack.endpoint).logs.get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=f"/aws/lambda/{function}", startTime=since)
    return [event["message"] for page in found for event in page["events"]]


def _attachment(mail: Path) -> Any:
    (part,) = message_from_bytes(mail.read_bytes(), policy=default).iter_attachments()
    return part
