"""The AWS calls that orders make, by the embedded engine's CloudTrail, and what else they use."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import requests

from labs.bench.burst import place
from labs.bench.required_calls import BOTH, COUNTER, ORDER, RECORD, Call
from labs.processes import workers
from localstack.aws import Aws
from localstack.stack import Stack, StackError
from ops.queues import wait_idle

_ORDERS, _SECONDS = 5, 60
# LookupEvents returns so many events at most, and the engine has no second page.
_MOST = 50
# CloudWatch Logs counts so many bytes for each event in addition to its text.
_EVENT_BYTES = 26
_REPORT = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms\t", re.MULTILINE)


class Measured(NamedTuple):
    """What one order uses: calls, seconds of each function's shortest call, bytes of logs and of the invoice."""

    calls: Counter[Call]
    seconds: dict[str, float]
    log_bytes: float
    invoice_bytes: int


@contextmanager
def recorded(stack: Stack) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Record the calls of the running functions; the list of AWS name and CloudTrail event is filled at the end."""
    trail, found = Aws(stack.endpoint).client("cloudtrail"), list[tuple[str, dict[str, Any]]]()
    functions = {worker.access_key: worker.function for worker in workers(stack)}

    def record(enabled: bool) -> None:
        setting = {"cloudtrail._recording_enabled": str(enabled).lower()}
        requests.post(f"{stack.endpoint}/_ministack/config", json=setting, timeout=10).raise_for_status()

    def events(key: str) -> Iterable[dict[str, Any]]:
        attributes = [{"AttributeKey": "AccessKeyId", "AttributeValue": key}]
        return list(trail.lookup_events(LookupAttributes=attributes, MaxResults=_MOST)["Events"])

    before = {event["EventId"] for key in functions for event in events(key)}
    record(True)
    try:
        yield found
    finally:
        record(False)
    for key, function in functions.items():
        new = [(function, event) for event in events(key) if event["EventId"] not in before]
        if len(new) == _MOST:
            raise StackError(f"{function} made {_MOST} calls or more, too many to read back: place fewer orders")
        found += new


def warm_up(stack: Stack) -> None:
    """Place an order, so that every function runs and has read its templates."""
    place(stack, 1, _SECONDS)
    wait_idle(Aws(stack.endpoint).sqs, stack.outputs["queue_names"].values(), _SECONDS)


def measure(stack: Stack) -> Measured:
    """Place orders one at a time, and return what each of them used."""
    began, aws = int(time.time() * 1_000), Aws(stack.endpoint)
    with recorded(stack) as events:
        for _ in range(_ORDERS):
            warm_up(stack)
    folders = {name: folder for folder, name in stack.outputs["function_names"].items()}
    # Each process reads its templates every five minutes, however many orders there are.
    templates = stack.outputs["templates_bucket"]
    events = [each for each in events if all(found["ResourceName"] != templates for found in each[1]["Resources"])]
    logs = {folder: _logs(aws, name, began) for name, folder in folders.items()}
    durations = {name: [float(ms) / 1e3 for ms in _REPORT.findall("\n".join(lines))] for name, lines in logs.items()}
    return Measured(
        of_one((call(folders[name], event) for name, event in events), _ORDERS),
        {folder: min(seconds) for folder, seconds in durations.items() if seconds},
        sum(len(line.encode()) + _EVENT_BYTES for lines in logs.values() for line in lines) / _ORDERS,
        aws.s3.list_objects_v2(Bucket=stack.outputs["orders_bucket"])["Contents"][-1]["Size"],
    )


def call(function: str, event: dict[str, Any]) -> Call:
    """The call that a CloudTrail event of a function describes."""
    request, service = json.loads(event["CloudTrailEvent"])["requestParameters"], event["EventSource"].partition(".")[0]
    # Services of the query protocol have the action in the body.
    action = request.get("Action", event["EventName"])
    target = {"s3": "invoice", "sqs": "creation queue", "sns": "events", "ses": "mail"}.get(service, "")
    if action == "TransactWriteItems":
        target = BOTH
    elif service == "dynamodb" and "idempotency" in request["TableName"]:
        target = RECORD
    elif service == "dynamodb":
        target = COUNTER if "COUNTER#" in str(request.get("Key")) else ORDER
    return Call(function, f"{service}:{action}", target)


def of_one(calls: Iterable[Call], orders: int) -> Counter[Call]:
    """The calls of one of several orders; StackError if they did not make the same calls."""
    counts = Counter(calls)
    uneven = ", ".join(" ".join(call) for call, times in counts.items() if times % orders)
    if uneven:
        raise StackError(
            f"{orders} orders did not make the same calls: {uneven}; check that nothing else uses the stack, "
            "and that no message is retried (`bin/ops queues --target local`)"
        )
    return Counter({call: times // orders for call, times in counts.items()})


def _logs(aws: Aws, function: str, since: int) -> list[str]:
    pages = aws.logs.get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=f"/aws/lambda/{function}", startTime=since)
    return [event["message"] for page in found for event in page["events"]]
