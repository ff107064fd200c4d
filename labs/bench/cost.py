"""The AWS calls of an order compared with the required ones, and what orders cost in AWS (docs/cost.md).

The embedded engine's CloudTrail records the calls; docs/promises.md has the promises that require them.
"""

import json
import re
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Final, NamedTuple

import requests

from labs.bench.placing import place, send
from labs.bench.report import Row, table
from labs.processes import workers
from localstack import engines
from localstack.aws import Aws
from localstack.stack import Stack, StackError
from ops.queues import enable_consumer, states, wait_idle
from tooling.paths import ROOT
from tooling.polling import poll

DOCUMENT = ROOT / "build" / "bench" / "cost.md"
PRICES: Final[dict[str, dict[str, Any]]] = tomllib.loads(Path(__file__).with_name("prices.toml").read_text())
_GB = 1e9
# Size of the demo order's item in the table.
ORDER_KB: Final = 1.25
# Logs are kept 90 days.
_LOG_MONTHS = 3
# The table and its two indexes, which hold whole orders.
_COPIES = 3
# Base64, with a line break after 76 characters.
_MIME = 78 / 57
_ORDERS, _SECONDS = 5, 60
# LookupEvents returns so many events at most, the newest; the engine has no token for the next page.
_MOST = 50
# CloudWatch Logs counts so many bytes for each event in addition to its text.
_EVENT_BYTES = 26
_REPORT = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms\t", re.MULTILINE)

RECORD, COUNTER, ORDER, BOTH = "idempotency record", "counter", "order", "counter and orders"
MARKER = "marker of the acceptance"
# A batch of a mapping, and the most calls that an order may take in one.
BATCH: Final = 10
_MOST_CALLS = 14


class Call(NamedTuple):
    """A call: folder of the function that makes it, service and action, and what it reads or writes."""

    function: str
    action: str
    target: str


_NO_PERSONAL_DATA = "messages hold no personal data, so the order is read from the table"
_CLAIM = "no mail is sent twice: it is claimed before"
_MARK = "no mail is sent twice: it is marked as sent after"

REQUIRED: Final = {
    Call("create_order", "dynamodb:PutItem", RECORD): "a key used twice at once, or with another body, is refused",
    Call("create_order", "sqs:SendMessage", "creation queue"): "an accepted order is never lost: queued before the 202",
    Call("create_order", "dynamodb:PutItem", MARKER): "an accepted order is shown until it is recorded",
    Call("create_order", "dynamodb:UpdateItem", RECORD): "the same key and body get the same response",
    Call("order_creator_record", "dynamodb:UpdateItem", COUNTER): "numbered without gaps: the number to count on from",
    Call("order_creator_record", "dynamodb:TransactWriteItems", BOTH): "recorded once, numbered once",
    Call("order_creator_record", "sns:PublishBatch", "events"): "starts the invoice and the internal mail",
    Call("order_pdf_creator", "dynamodb:GetItem", ORDER): _NO_PERSONAL_DATA,
    Call("order_pdf_creator", "s3:PutObject", "invoice"): "invoiced once: put only if it does not exist",
    Call("order_pdf_creator", "dynamodb:UpdateItem", ORDER): "an order names its invoice",
    Call("order_pdf_creator", "sns:Publish", "events"): "starts the confirmation",
    Call("order_internal_notification", "dynamodb:GetItem", ORDER): _NO_PERSONAL_DATA,
    Call("order_internal_notification", "dynamodb:PutItem", RECORD): _CLAIM,
    Call("order_internal_notification", "ses:SendRawEmail", "mail"): "each mail is sent",
    Call("order_internal_notification", "dynamodb:UpdateItem", RECORD): _MARK,
    Call("customer_order_confirmation", "dynamodb:GetItem", ORDER): _NO_PERSONAL_DATA,
    Call("customer_order_confirmation", "dynamodb:PutItem", RECORD): _CLAIM,
    Call("customer_order_confirmation", "s3:GetObject", "invoice"): "the confirmation has the invoice attached",
    Call("customer_order_confirmation", "ses:SendRawEmail", "mail"): "each mail is sent",
    Call("customer_order_confirmation", "dynamodb:UpdateItem", RECORD): _MARK,
}  # fmt: skip
_NOTIFIERS = ("order_internal_notification", "customer_order_confirmation")
# In a batch, the first call takes the place of the second one of every order.
IN_A_BATCH: Final = {
    Call(name, f"dynamodb:{action}", target): Call(name, f"dynamodb:{instead_of}", target)
    for name in _NOTIFIERS
    for action, instead_of, target in (("BatchGetItem", "GetItem", ORDER), ("TransactWriteItems", "PutItem", RECORD))
}
_ONCE_A_BATCH = {*IN_A_BATCH, *(call for call in REQUIRED if call.function == "order_creator_record")}
# The calls of a full batch.
REQUIRED_BATCH: Final = Counter(
    {call: 1 if call in _ONCE_A_BATCH else BATCH for call in {*REQUIRED, *IN_A_BATCH} - {*IN_A_BATCH.values()}}
)


class Measured(NamedTuple):
    """What orders use together, and bytes of one invoice.

    A function's seconds are those of its shortest call, times its calls.
    """

    orders: int
    calls: Counter[Call]
    invocations: dict[str, int]
    seconds: dict[str, float]
    log_bytes: int
    invoice_bytes: int


class Use(NamedTuple):
    """How much is used of something that has a price in prices.toml, in that price's units."""

    part: str
    price: str
    quantity: float

    @property
    def usd(self) -> float:
        """What it costs."""
        return float(self.quantity * PRICES[self.price]["usd"] / PRICES[self.price]["per"])


@contextmanager
def recorded(stack: Stack) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Record the calls of the running functions; the list of AWS name and CloudTrail event is filled at the end."""
    trail, found = Aws(stack.endpoint).client("cloudtrail"), list[tuple[str, dict[str, Any]]]()
    functions = _functions_by_key(stack)

    def record(enabled: bool) -> None:
        setting = {"cloudtrail._recording_enabled": str(enabled).lower()}
        requests.post(f"{stack.endpoint}/_ministack/config", json=setting, timeout=10).raise_for_status()

    began = datetime.now(UTC)
    record(True)
    try:
        yield found
    finally:
        record(False)
    # Of processes that have started meanwhile too, and of those that have ended.
    for key, function in (functions | _functions_by_key(stack)).items():
        found += [(function, event) for event in events_since(trail, key, began)]


def _functions_by_key(stack: Stack) -> dict[str, str]:
    return {worker.access_key: worker.function for worker in workers(stack)}


def events_since(trail: Any, access_key: str, began: datetime) -> list[dict[str, Any]]:
    """The CloudTrail events of a session since a time; StackError if one second has too many to read back."""
    attributes = [{"AttributeKey": "AccessKeyId", "AttributeValue": access_key}]
    found: dict[str, dict[str, Any]] = {}
    until: dict[str, datetime] = {}
    while True:
        page = trail.lookup_events(LookupAttributes=attributes, StartTime=began, MaxResults=_MOST, **until)["Events"]
        new = {event["EventId"]: event for event in page if event["EventId"] not in found}
        found |= new
        if len(page) < _MOST:
            # The SDK sends times in whole seconds.
            return [event for event in found.values() if event["EventTime"] >= began]
        if not new:
            raise StackError(f"a function made {_MOST} calls or more within a second, too many to read back")
        until = {"EndTime": page[-1]["EventTime"] + timedelta(seconds=1)}


def warm_up(stack: Stack) -> None:
    """Place an order, so that every function runs and has read its templates."""
    place(stack, 1, _SECONDS)
    wait_idle(Aws(stack.endpoint).sqs, stack.outputs["queue_names"].values(), _SECONDS)


def measure_order(stack: Stack) -> Measured:
    """Place orders one at a time, and return what one of them used."""

    def one_at_a_time() -> None:
        for _ in range(_ORDERS):
            warm_up(stack)

    measured = _measure(stack, one_at_a_time)
    return measured._replace(
        orders=1,
        calls=of_one(measured.calls, _ORDERS),
        invocations={name: calls // _ORDERS for name, calls in measured.invocations.items()},
        seconds={name: seconds / _ORDERS for name, seconds in measured.seconds.items()},
        log_bytes=measured.log_bytes // _ORDERS,
    )


def measure_batch(stack: Stack) -> Measured:
    """Let ten orders wait for each other in front of each function, and return what they used together."""
    return _measure(stack, lambda: _place_batch(stack))._replace(orders=BATCH)


def _place_batch(stack: Stack) -> None:
    """Place a batch of orders that goes through each queue as one batch."""
    aws, queues = Aws(stack.endpoint), stack.outputs["queue_names"]
    stages = ("order_creator_record", "order_pdf_creator", *_NOTIFIERS)

    def full(queue: str) -> bool | None:
        (state,) = states(aws.sqs, aws.functions, [queue])
        return state.waiting == BATCH or None

    with ExitStack() as held:
        for stage in stages:
            enable_consumer(aws.sqs, aws.functions, queues[stage], False)
            held.callback(enable_consumer, aws.sqs, aws.functions, queues[stage], True)
        send(stack, BATCH)
        for stage in stages:
            poll(f"{BATCH} messages in {queues[stage]}", partial(full, queues[stage]), _SECONDS)
            enable_consumer(aws.sqs, aws.functions, queues[stage], True)
            wait_idle(aws.sqs, [queues[stage]], _SECONDS)


def _measure(stack: Stack, place_orders: Callable[[], None]) -> Measured:
    began, aws = int(time.time() * 1_000), Aws(stack.endpoint)
    with recorded(stack) as events:
        place_orders()
    folders = {name: folder for folder, name in stack.outputs["function_names"].items()}
    # Each process reads its templates every five minutes, however many orders there are.
    templates = stack.outputs["templates_bucket"]
    events = [each for each in events if all(found["ResourceName"] != templates for found in each[1]["Resources"])]
    logs = {folder: logs_since(aws, name, began) for name, folder in folders.items()}
    reports = {name: durations(lines) for name, lines in logs.items()}
    return Measured(
        _ORDERS,
        Counter(call(folders[name], event) for name, event in events),
        {folder: len(seconds) for folder, seconds in reports.items() if seconds},
        {folder: len(seconds) * min(seconds) for folder, seconds in reports.items() if seconds},
        sum(len(line.encode()) + _EVENT_BYTES for lines in logs.values() for line in lines),
        aws.s3.list_objects_v2(Bucket=stack.outputs["orders_bucket"])["Contents"][-1]["Size"],
    )


def call(function: str, event: dict[str, Any]) -> Call:
    """The call that a CloudTrail event of a function describes."""
    request, service = json.loads(event["CloudTrailEvent"])["requestParameters"], event["EventSource"].partition(".")[0]
    # Services of the query protocol have the action in the body.
    action = request.get("Action", event["EventName"])
    target = {"s3": "invoice", "sqs": "creation queue", "sns": "events", "ses": "mail"}.get(service, "")
    if service == "dynamodb" and "idempotency" in str(request):
        target = RECORD
    elif action == "TransactWriteItems":
        target = BOTH
    elif function == "create_order" and service == "dynamodb":
        target = MARKER
    elif service == "dynamodb":
        target = COUNTER if "COUNTER#" in str(request.get("Key")) else ORDER
    return Call(function, f"{service}:{action}", target)


def of_one(counts: Counter[Call], orders: int) -> Counter[Call]:
    """The calls of one of several orders; StackError if they did not make the same calls."""
    uneven = ", ".join(" ".join(call) for call, times in counts.items() if times % orders)
    if uneven:
        raise StackError(
            f"{orders} orders did not make the same calls: {uneven}; check that nothing else uses the stack, "
            "and that no message is retried (`bin/ops queues --target local`)"
        )
    return Counter({call: times // orders for call, times in counts.items()})


def durations(lines: Iterable[str]) -> list[float]:
    """Seconds of each call that the log lines of a function report."""
    return [float(ms) / 1e3 for ms in _REPORT.findall("\n".join(lines))]


def logs_since(aws: Aws, function: str, since: int) -> list[str]:
    """The log lines of a function, by its AWS name, since a time in milliseconds since the epoch."""
    pages = aws.logs.get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=f"/aws/lambda/{function}", startTime=since)
    return [event["message"] for page in found for event in page["events"]]


def measure(rounds: int) -> Iterator[Row]:
    """Measure calls and cost of an order, and write the tables of docs/cost.md into build/bench."""
    stack = engines.require()
    warm_up(stack)
    single = _shortest([measure_order(stack) for _ in range(rounds)])
    calls, required = tuple(float(one.calls.total()) for one in single), (float(len(REQUIRED)),) * rounds
    what, vs = "AWS calls of the functions for an order", "the calls that the promises require"
    yield Row("cost", what, "calls", calls, vs, required, limit=1)
    batches = _shortest([measure_batch(stack) for _ in range(rounds)])
    calls = tuple(each.calls.total() / BATCH for each in batches)
    yield Row("cost", f"{what}, in batches of {BATCH}", "calls", calls, limit=_MOST_CALLS)
    batches = [undisturbed(alone, batch) for alone, batch in zip(single, batches, strict=True)]
    singly, together = ([_order(stack, each) for each in measured] for measured in (single, batches))
    alone, in_batches = (tuple(1e6 * sum(use.usd for use in order) for order in each) for each in (singly, together))
    yield Row("cost", "a million orders, each alone", "USD", alone)
    yield Row("cost", f"a million orders in batches of {BATCH}", "USD", in_batches, "each alone", alone)
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    parts = (calls_table(single[-1].calls, batches[-1].calls), use_table(singly[-1], together[-1]), prices_table())
    DOCUMENT.write_text("\n".join(parts))


def _shortest(rounds: list[Measured]) -> list[Measured]:
    """The same rounds, each with the shortest durations of all: other load on the machine only adds to them."""
    seconds = {name: min(each.seconds[name] for each in rounds) for name in rounds[0].seconds}
    return [each._replace(seconds=seconds) for each in rounds]


def undisturbed(alone: Measured, batch: Measured) -> Measured:
    """A batch whose functions that were called for each order take as long as for an order alone.

    In AWS each of those calls has a processor of its own; here they share the cores.
    """
    each = {name: alone.seconds[name] * calls for name, calls in batch.invocations.items() if calls > 1}
    return batch._replace(seconds={**batch.seconds, **each})


def _order(stack: Stack, measured: Measured) -> list[Use]:
    """What one of the measured orders uses, with a month of its storage."""
    functions, names, orders = Aws(stack.endpoint).functions, stack.outputs["function_names"], measured.orders
    times = Counter(call.action for call in measured.calls.elements())
    reads, writes = request_units(measured.calls, orders)
    memory = {name: functions.get_function_configuration(FunctionName=names[name])["MemorySize"] for name in names}
    gb_seconds = sum(ceil(1e3 * seconds) / 1e3 * memory[name] / 1_024 for name, seconds in measured.seconds.items())
    # Lambda receives the messages of a batch with one request, and deletes them with one.
    queues = len(stack.outputs["queue_names"])
    batches = sum(measured.invocations[name] for name in stack.outputs["queue_names"])
    publishes, log_bytes = times["sns:Publish"] + times["sns:PublishBatch"], measured.log_bytes / orders
    return [
        Use("SES: mails", "ses_mail", times["ses:SendRawEmail"] / orders),
        Use("SES: the attached invoice", "ses_attachment_gb", measured.invoice_bytes * _MIME / _GB),
        Use("DynamoDB: writes", "dynamodb_write", writes / orders),
        Use("DynamoDB: reads", "dynamodb_read", reads / orders),
        Use("DynamoDB: a month of storage", "dynamodb_gb_month", _COPIES * (1_024 * ORDER_KB + 100) / _GB),
        Use("S3: put the invoice", "s3_put", times["s3:PutObject"] / orders),
        Use("S3: get the invoice", "s3_get", times["s3:GetObject"] / orders),
        Use("S3: a month of storage", "s3_gb_month", measured.invoice_bytes / _GB),
        Use("SQS: sent, received, deleted", "sqs_request", queues + 2 * batches / orders),
        Use("SNS: publishes", "sns_publish", publishes / orders),
        Use("API Gateway: requests", "api_request", 1),
        Use("Lambda: calls", "lambda_request", sum(measured.invocations.values()) / orders),
        Use("Lambda: duration", "lambda_gb_second", gb_seconds / orders),
        Use("CloudWatch: logs", "log_gb", log_bytes / _GB),
        Use("CloudWatch: logs kept 90 days", "log_gb_month", _LOG_MONTHS * log_bytes / _GB),
    ]


def request_units(calls: Counter[Call], orders: int) -> tuple[float, float]:
    """Read and write request units of the calls of some orders; other items than the order's are below 1 KB."""
    reads = writes = 0.0
    for call, times in calls.items():
        size = ceil(ORDER_KB) if call.target in (ORDER, BOTH) else 1
        match call.action:
            case "dynamodb:GetItem":
                reads += times * ceil(size / 4)
            case "dynamodb:BatchGetItem":
                reads += orders * ceil(size / 4)
            case "dynamodb:PutItem" | "dynamodb:UpdateItem":
                writes += times * size * (_COPIES if call.target == ORDER else 1)
            case "dynamodb:TransactWriteItems" if call.target == RECORD:
                writes += 2 * orders
            case "dynamodb:TransactWriteItems":
                # A transaction costs twice in the table, for the counter too; an index is written once, afterwards.
                writes += 2 * times + orders * size * (_COPIES + 1)
    return reads, writes


def calls_table(one: Counter[Call], batch: Counter[Call]) -> str:
    """The calls of an order alone and of a full batch, and why they are required, as Markdown."""
    reasons = {**REQUIRED, **{call: REQUIRED[other] for call, other in IN_A_BATCH.items()}}
    order = list(_with_batch_calls())
    ordered = sorted({**one, **batch}, key=lambda call: [*order, call].index(call))
    rows = [(*call, str(one[call]), str(batch[call]), reasons.get(call, "**not required**")) for call in ordered]
    headings = ("function", "call", "target", "one order", "ten orders", "why")
    return table(headings, [*rows, ("all", "", "", str(one.total()), str(batch.total()), "")])


def _with_batch_calls() -> Iterator[Call]:
    """The required calls in their order, each followed by the call that takes its place in a batch."""
    instead = {other: call for call, other in IN_A_BATCH.items()}
    for each in REQUIRED:
        yield each
        if each in instead:
            yield instead[each]


def use_table(one: list[Use], in_batch: list[Use]) -> str:
    """What a million orders cost, one at a time and in batches, the most expensive part first, as Markdown."""
    pairs = sorted(zip(one, in_batch, strict=True), key=lambda pair: -pair[0].usd)
    rows = [
        (
            alone.part,
            f"{alone.quantity:,.4g} {PRICES[alone.price]['unit']}",
            f"{1e6 * alone.usd:,.2f}",
            f"{together.quantity:,.4g}",
            f"{1e6 * together.usd:,.2f}",
        )
        for alone, together in pairs
    ]
    sums = [f"{1e6 * sum(use.usd for use in uses):,.2f}" for uses in (one, in_batch)]
    headings = ("part", "used by an order", "USD", "in batches of ten", "USD")
    return table(headings, [*rows, ("all", "", sums[0], "", sums[1])])


def prices_table() -> str:
    """The prices as Markdown."""
    rows = []
    for name, price in PRICES.items():
        usd, source = f"{price['usd']:.10f}".rstrip("0").rstrip("."), "/".join(price["page"].split("/")[3:5])
        unit = f"{price['per']:,} {price['unit']}"
        rows.append((f"`{name}`", usd, unit, str(price["as_of"]), f"[{source}]({price['page']})"))
    return table(("price", "USD", "per", "date", "source"), rows)
