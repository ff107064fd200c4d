"""The calls of one order beside the fewest, and what orders cost in AWS (docs/cost.md)."""

from collections import Counter
from collections.abc import Iterator

from labs.bench import bill, counted, power, prices
from labs.bench.bill import Bill, Use
from labs.bench.counted import Call, Measured
from labs.bench.needed import NEEDED
from labs.bench.rows import Row
from localstack import engines
from localstack.aws import Aws
from localstack.stack import Stack
from tooling.paths import ROOT

DOCUMENT = ROOT / "build" / "bench" / "cost.md"
_GB = 1e9
# DynamoDB counts so many bytes of storage beside each item.
_ITEM_BYTES = 100
# R8.
_LOG_MONTHS = 3
# Lambda polls an idle queue with five connections, 20 s at a time.
_IDLE_POLLS = 5 * 3 * bill.MINUTES


def measure(rounds: int) -> Iterator[Row]:
    """The calls of an order beside the fewest, and what orders cost; the tables of docs/cost.md into build/bench.

    Raises:
        StackError: the stack is not up, or is not quiet: two orders did not make the same calls.
    """
    stack = engines.require()
    counted.warm_up(stack)
    measured = [counted.measure(stack) for _ in range(rounds)]
    yield Row(
        "cost",
        "AWS calls that the functions make for an order",
        "calls",
        tuple(float(sum(one.calls.values())) for one in measured),
        "the fewest that the promises allow",
        (float(len(NEEDED)),) * rounds,
        limit=1.0,
        note=_more(measured[-1].calls),
    )
    bills = [_bill(stack, one) for one in measured]
    dates = sorted(price.as_of for price in prices.prices().values())
    priced = f"by list prices of af-south-1, the oldest of {dates[0]}, the latest of {dates[-1]} (docs/cost.md)"
    yield Row("cost", "a million orders", "USD", tuple(one.million() for one in bills), note=priced)
    for rate in bill.RATES:
        what = f"a month of {rate:,} order{'s' * (rate > 1)} a minute, those of a year kept"
        yield Row("cost", what, "USD", tuple(sum(one.month(rate).values()) for one in bills), note=priced)
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    DOCUMENT.write_text(document(measured[-1], bills[-1]))


def _more(calls: Counter[Call]) -> str:
    """What was called beyond what is needed."""
    more = calls - Counter(Call(*needed[:3]) for needed in NEEDED)
    if not more:
        return "counted by the engine's CloudTrail; each is needed (docs/cost.md)"
    return "not needed: " + ", ".join(" ".join(call) for call in more)


def document(measured: Measured, order: Bill) -> str:
    """The measured tables of docs/cost.md, as Markdown."""
    tables = {
        "The calls of an order": calls_table(measured.calls),
        "A million orders": bill.order_table(order),
        "A month": bill.month_table(order),
        "Prices": prices.table(),
    }
    return "\n".join(f"## {title}\n\n{table}" for title, table in tables.items())


def calls_table(calls: Counter[Call]) -> str:
    """What was counted of an order, and why it is needed, as Markdown."""
    reasons = {Call(*needed[:3]): needed.why for needed in NEEDED}
    known = [call for call in reasons if call in calls] + [call for call in calls if call not in reasons]
    lines = ["| function | call | of | times | why |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(call)} | {calls[call]} | {reasons.get(call, '**not needed**')} |" for call in known]
    return "\n".join([*lines, f"| all | | | {sum(calls.values())} | |"]) + "\n"


def _bill(stack: Stack, measured: Measured) -> Bill:
    return Bill(order=_order(stack, measured), kept=_kept(measured), fixed=_fixed(stack))


def _order(stack: Stack, measured: Measured) -> tuple[Use, ...]:
    functions = Aws(stack.endpoint).functions
    names = stack.outputs["function_names"]
    times = Counter[str]()
    for call, number in measured.calls.items():
        times[call.action] += number
    # Each consumer's queue is sent to once, and Lambda takes and deletes each message.
    queues = len(stack.outputs["queue_names"])
    uses = [
        Use("API Gateway: requests", "api_request", 1),
        Use("Lambda: calls", "lambda_request", len(measured.spent)),
        Use("SQS: sent, taken, deleted", "sqs_request", 3 * queues),
        Use("SNS: publishes", "sns_publish", times["sns:Publish"]),
        Use("S3: the invoice put", "s3_put", times["s3:PutObject"]),
        Use("S3: the invoice read", "s3_get", times["s3:GetObject"]),
        Use("SES: mails", "ses_mail", times["ses:SendRawEmail"]),
        Use("SES: the invoice attached", "ses_attachment_gb", measured.attachment_bytes / _GB),
        Use("CloudWatch: logs taken in", "log_gb", measured.log_bytes / _GB),
        Use("CloudWatch: logs kept 90 days", "log_gb_month", _LOG_MONTHS * measured.log_bytes / _GB),
    ]
    for folder, spent in measured.spent.items():
        memory = functions.get_function_configuration(FunctionName=names[folder])["MemorySize"]
        used = power.gb_seconds(power.modelled_seconds(*spent, memory), memory)
        uses.append(Use(f"Lambda: {folder}, duration", "lambda_gb_second", used))
    for target, (reads, writes) in measured.units.items():
        uses += [Use(f"DynamoDB: {target}, read", "dynamodb_read", reads)] if reads else []
        uses += [Use(f"DynamoDB: {target}, written", "dynamodb_write", writes)] if writes else []
    return tuple(uses)


def _kept(measured: Measured) -> tuple[Use, ...]:
    # In the table and both of its indexes.
    copies = 3
    return (
        Use("S3: invoices kept", "s3_gb_month", measured.invoice_bytes / _GB),
        Use("DynamoDB: orders kept", "dynamodb_gb_month", copies * (measured.item_bytes + _ITEM_BYTES) / _GB),
    )


def _fixed(stack: Stack) -> tuple[Use, ...]:
    cloudwatch = Aws(stack.endpoint).cloudwatch
    alarms = [
        alarm for page in cloudwatch.get_paginator("describe_alarms").paginate() for alarm in page["MetricAlarms"]
    ]
    # An alarm on an expression is paid for each metric in it.
    watched = sum(max(1, sum("MetricStat" in metric for metric in alarm.get("Metrics", []))) for alarm in alarms)
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="OrderService")
    return (
        Use("CloudWatch: alarms", "alarm_month", watched),
        Use("CloudWatch: own metrics", "metric_month", sum(len(page["Metrics"]) for page in pages)),
        Use("CloudWatch: dashboard", "dashboard_month", 1),
        Use("SQS: polls of empty queues", "sqs_request", len(stack.outputs["queue_names"]) * _IDLE_POLLS),
    )
