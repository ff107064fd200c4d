"""The AWS calls of an order compared with the required ones, and what orders cost in AWS (docs/cost.md)."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any, Final, NamedTuple

from labs.bench import measured_calls
from labs.bench.measured_calls import BOTH, ORDER, REQUIRED, Call, Measured
from labs.bench.report import Row, table
from localstack import engines
from localstack.aws import Aws
from localstack.stack import Stack
from tooling.paths import ROOT

DOCUMENT = ROOT / "build" / "bench" / "cost.md"
PRICES: Final[dict[str, dict[str, Any]]] = tomllib.loads(Path(__file__).with_name("prices.toml").read_text())
_GB = 1e9
# Size of the demo order's item in the table.
ORDER_KB: Final = 1.13
# Logs are kept 90 days.
_LOG_MONTHS = 3
# The table and its two indexes, which hold whole orders.
_COPIES = 3
# Base64, with a line break after 76 characters.
_MIME = 78 / 57


class Use(NamedTuple):
    """How much is used of something that has a price in prices.toml, in that price's units."""

    part: str
    price: str
    quantity: float

    @property
    def usd(self) -> float:
        """What it costs."""
        return float(self.quantity * PRICES[self.price]["usd"] / PRICES[self.price]["per"])


def measure(rounds: int) -> Iterator[Row]:
    """Measure calls and cost of an order, and write the tables of docs/cost.md into build/bench."""
    stack = engines.require()
    measured_calls.warm_up(stack)
    measured = [measured_calls.measure(stack) for _ in range(rounds)]
    calls, required = tuple(float(one.calls.total()) for one in measured), (float(len(REQUIRED)),) * rounds
    what, vs = "AWS calls of the functions for an order", "the calls that the promises require"
    yield Row("cost", what, "calls", calls, vs, required, limit=1)
    orders = [_order(stack, one) for one in measured]
    yield Row("cost", "a million orders", "USD", tuple(1e6 * sum(use.usd for use in order) for order in orders))
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    tables = (calls_table(measured[-1].calls), use_table(orders[-1]), prices_table())
    DOCUMENT.write_text("\n".join(tables))


def _order(stack: Stack, measured: Measured) -> list[Use]:
    """What an order uses, with a month of its storage."""
    functions, names = Aws(stack.endpoint).functions, stack.outputs["function_names"]
    times = Counter(call.action for call in measured.calls.elements())
    reads, writes = request_units(measured.calls)
    memory = {name: functions.get_function_configuration(FunctionName=names[name])["MemorySize"] for name in names}
    gb_seconds = sum(ceil(1e3 * seconds) / 1e3 * memory[name] / 1_024 for name, seconds in measured.seconds.items())
    return [
        Use("SES: mails", "ses_mail", times["ses:SendRawEmail"]),
        Use("SES: the attached invoice", "ses_attachment_gb", measured.invoice_bytes * _MIME / _GB),
        Use("DynamoDB: writes", "dynamodb_write", writes),
        Use("DynamoDB: reads", "dynamodb_read", reads),
        Use("DynamoDB: a month of storage", "dynamodb_gb_month", _COPIES * (1_024 * ORDER_KB + 100) / _GB),
        Use("S3: put the invoice", "s3_put", times["s3:PutObject"]),
        Use("S3: get the invoice", "s3_get", times["s3:GetObject"]),
        Use("S3: a month of storage", "s3_gb_month", measured.invoice_bytes / _GB),
        # Lambda receives and deletes each message.
        Use("SQS: sent, received, deleted", "sqs_request", 3 * len(stack.outputs["queue_names"])),
        Use("SNS: publishes", "sns_publish", times["sns:Publish"]),
        Use("API Gateway: requests", "api_request", 1),
        Use("Lambda: calls", "lambda_request", len(measured.seconds)),
        Use("Lambda: duration", "lambda_gb_second", gb_seconds),
        Use("CloudWatch: logs", "log_gb", measured.log_bytes / _GB),
        Use("CloudWatch: logs kept 90 days", "log_gb_month", _LOG_MONTHS * measured.log_bytes / _GB),
    ]


def request_units(calls: Counter[Call]) -> tuple[float, float]:
    """Read and write request units of an order; other items than the order's are below 1 KB."""
    reads = writes = 0.0
    for call, times in calls.items():
        size = ceil(ORDER_KB) if call.target in (ORDER, BOTH) else 1
        match call.action:
            case "dynamodb:GetItem":
                reads += times * ceil(size / 4)
            case "dynamodb:PutItem" | "dynamodb:UpdateItem":
                writes += times * size * (_COPIES if call.target == ORDER else 1)
            case "dynamodb:TransactWriteItems":
                # A transaction costs twice in the table, for the counter too; an index is written once, afterwards.
                writes += times * (2 + size * (_COPIES + 1))
    return reads, writes


def calls_table(calls: Counter[Call]) -> str:
    """The calls of an order and why they are required, as Markdown."""
    ordered = sorted(calls, key=lambda call: [*REQUIRED, call].index(call))
    rows = [(*call, str(calls[call]), REQUIRED.get(call, "**not required**")) for call in ordered]
    return table(("function", "call", "target", "times", "why"), [*rows, ("all", "", "", str(calls.total()), "")])


def use_table(uses: list[Use]) -> str:
    """What a million orders cost, the most expensive part first, as Markdown."""
    rows = [
        (use.part, f"{use.quantity:,.4g} {PRICES[use.price]['unit']}", f"{1e6 * use.usd:,.2f}")
        for use in sorted(uses, key=lambda use: -use.usd)
    ]
    whole = f"{1e6 * sum(use.usd for use in uses):,.2f}"
    return table(("part", "used by an order", "USD"), [*rows, ("all", "", whole)])


def prices_table() -> str:
    """The prices as Markdown."""
    rows = []
    for name, price in PRICES.items():
        usd, source = f"{price['usd']:.10f}".rstrip("0").rstrip("."), "/".join(price["page"].split("/")[3:5])
        unit = f"{price['per']:,} {price['unit']}"
        rows.append((f"`{name}`", usd, unit, str(price["as_of"]), f"[{source}]({price['page']})"))
    return table(("price", "USD", "per", "date", "source"), rows)
