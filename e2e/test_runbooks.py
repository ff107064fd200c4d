"""Every command of docs/runbooks/ that needs no account, run in the state that it is for (R11).

Each alarm is rung by its own cause. What needs accounts, `make rehearse` runs (tooling/documents.py).
"""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from e2e import alarms, permissions
from e2e.queues import counts
from e2e.tenant import DEADLINE_SECONDS, Tenant
from localstack.targets import Platform
from ops import incident
from release import traffic
from tooling import documents
from tooling.documents import Block
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.long, pytest.mark.sidecars, pytest.mark.embedded]

_COMMAND_SECONDS = 600
_TROUBLE = "troubleshooting"


class Reader:
    """Somebody who does what the runbooks say.

    Args:
        target: of the stack.
    """

    def __init__(self, target: str) -> None:
        self._blocks = documents.runbook_blocks()
        self._environment = {**os.environ, "TARGET": target}
        self.done: list[Block] = []

    def follow(self, page: str, heading: str, number: int = 0, fails: bool = False, **variables: str) -> str:
        """Run a block, and return what it printed.

        Args:
            page: of the block.
            heading: that it is under.
            number: among its blocks.
            fails: whether the block is to end with a failure.
            variables: that it names; ALARM's own block, with the variables of its steps, is run first.
        """
        wanted = (page, heading, number)
        (block,) = [one for one in self._blocks if (one.page, one.heading, one.number) == wanted]
        alarm = variables.get("ALARM", "").replace(f"-{self._environment['TARGET']}", "-{env}")
        before = [one for one in self._blocks if one.heading == alarm]
        text = "\n".join(one.text for one in [*before, block])
        done = subprocess.run(
            ["bash", "-euc", text],
            cwd=ROOT,
            env=self._environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        assert (done.returncode != 0) is fails, f"{heading}:\n{text}\n{done.stdout}"
        self.done += [*before, block]
        return done.stdout

    def variable(self, alarm: str, name: str) -> str:
        """The value that an alarm's block gives to a variable."""
        heading = alarm.replace(f"-{self._environment['TARGET']}", "-{env}")
        (block,) = [one for one in self._blocks if one.heading == heading]
        script = f"{block.text}\nprintenv {name}"
        done = subprocess.run(
            ["bash", "-euc", script], env=self._environment, capture_output=True, text=True, check=True
        )
        self.done.append(block)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def reader(platform: Platform) -> Reader:
    """The reader of all tests here, who keeps account of what was run."""
    return Reader(platform.target)


@pytest.fixture(scope="module", autouse=True)
def empty_dlqs(platform: Platform) -> None:
    """What the tests before left in DLQs is not for these."""
    for name in platform.outputs["dlq_names"].values():
        platform.aws.sqs.purge_queue(QueueUrl=platform.queue_url(name))


def _mapping(platform: Platform, function: str) -> str:
    name = f"{platform.outputs['function_names'][function]}:{traffic.ALIAS}"
    (found,) = platform.aws.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    return found["UUID"]


@pytest.fixture
def consumers(platform: Platform) -> Iterator[dict[str, str]]:
    """The event source mapping of each consumer, by its folder; all take messages again in the end."""
    found = {function: _mapping(platform, function) for function in platform.outputs["queue_names"]}
    yield found
    for mapping in found.values():
        platform.aws.functions.update_event_source_mapping(UUID=mapping, Enabled=True)


CONSUMERS = ["order_creator_record", "order_pdf_creator", "order_internal_notification", "customer_order_confirmation"]


def test_each_alarm_has_its_heading_and_leads_to_it(platform: Platform) -> None:
    found = {alarm["AlarmName"]: alarm["AlarmDescription"] for alarm in alarms.describe(platform)}
    assert sorted(found) == sorted(documents.alarms(platform.target)) == sorted(platform.outputs["alarm_names"])
    for name, description in found.items():
        heading = name.replace(f"-{platform.target}", "-{env}")
        url = "https://github.com/kimmyai/bbws-order-lambda/blob/main/docs/runbooks/troubleshooting.md"
        assert description.endswith(f" Runbook: {url}#{documents.anchor(heading)}")


def test_the_daily_look_and_the_saved_queries(reader: Reader) -> None:
    for page, heading in (("operations", "Look at the day"), (_TROUBLE, "Troubleshooting")):
        printed = reader.follow(page, heading)
        assert re.search(r"^30 alarms, \d+ ring$", printed, re.MULTILINE)
        assert printed.count(" waiting, ") == 8
    assert len(re.findall(r"^\d+ lines$", reader.follow("operations", "Saved queries"), re.MULTILINE)) == 3


def test_orders_wait_for_the_maintenance_of_the_cart_service(reader: Reader, consumers: Any, tenant: Tenant) -> None:
    printed = reader.follow("operations", "Maintenance of the Cart service")
    assert printed.splitlines() == [
        "bbws-order-creation-local is left to fill",
        "bbws-order-creation-local is taken from again",
    ]
    tenant.ordered()
    assert "consumer Enabled" in reader.follow("operations", "Maintenance of the Cart service", 1)


def test_orders_that_were_deleted_or_damaged_are_back(
    reader: Reader, consumers: Any, platform: Platform, tenant: Tenant
) -> None:
    table, dynamodb = platform.outputs["orders_table"], platform.aws.dynamodb

    def recovery(enabled: bool) -> None:
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        )

    def key(order: dict[str, Any]) -> dict[str, Any]:
        return {"PK": {"S": f"TENANT#{tenant.id}"}, "SK": {"S": f"ORDER#{order['id']}"}}

    page = "disaster-recovery"
    # As in the accounts; locally it is off.
    recovery(True)
    restored = ""
    try:
        deleted, damaged = [tenant.invoiced(tenant.place()) for _ in range(2)]
        written = datetime.now(UTC).replace(microsecond=0)
        at = poll(
            "the next second",
            lambda: now if (now := datetime.now(UTC).replace(microsecond=0)) > written else None,
            DEADLINE_SECONDS,
        )
        dynamodb.delete_item(TableName=table, Key=key(deleted))
        dynamodb.update_item(
            TableName=table,
            Key=key(damaged),
            UpdateExpression="SET #total = :total",
            ExpressionAttributeNames={"#total": "total"},
            ExpressionAttributeValues={":total": {"N": "0.01"}},
        )
        assert tenant.get(deleted["id"]).status_code == 404

        reader.follow(page, "Stop writing order numbers")
        waiting = tenant.place()
        printed = reader.follow(page, "Restore the table beside the live one", AT=at.isoformat())
        restored = printed.split()[-1]
        assert restored.startswith(f"{table}-restored-")
        printed = reader.follow(page, "Put back what is missing", FROM=restored)
        assert f"another: TENANT#{tenant.id} ORDER#{damaged['id']}\n" in printed
        assert printed.endswith("1 items put back, 1 left\n")
        assert tenant.get(deleted["id"]).json() == deleted
        assert tenant.get(damaged["id"]).json()["total"] == "0.01"
        reader.follow(page, "Put back what is missing", 1, FROM=restored, ORDER=damaged["id"])
        assert tenant.get(damaged["id"]).json() == damaged
        assert tenant.get(waiting).status_code == 404
        reader.follow(page, "Take orders again")

        def number(order: dict[str, Any]) -> int:
            return int(order["orderNumber"].rpartition("-")[2])

        assert number(tenant.recorded(waiting)) == number(damaged) + 1
        printed = reader.follow(page, "Prove that the orders are back", FROM=restored)
        # The counter has moved on with the order that waited.
        assert "left as it is, since the live one is another: COUNTER#ORDER YEAR#" in printed
        assert "0 items put back, 1 left\n" in printed
        assert restored not in dynamodb.list_tables()["TableNames"]
    finally:
        recovery(False)
        if restored in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName=restored)


@pytest.mark.parametrize("function", CONSUMERS)
def test_a_dlq_is_emptied(reader: Reader, platform: Platform, function: str) -> None:
    queue, dlq = platform.outputs["queue_names"][function], platform.outputs["dlq_names"][function]
    alarm = f"{dlq}-not-empty"
    poison = f"poison {uuid4()}"
    assert reader.variable(alarm, "QUEUE") == queue
    with alarms.short_periods(platform, [alarm]):
        sent = platform.aws.sqs.send_message(QueueUrl=platform.queue_url(queue), MessageBody=poison)["MessageId"]
        alarms.wait_for_alarm(platform, [alarm])

        printed = reader.follow(_TROUBLE, "Look into the DLQ", ALARM=alarm)
        assert re.search(
            rf"^{sent} \S+Z is no message of ours\n1 messages in the DLQ of {queue}$", printed, re.MULTILINE
        )
        assert re.search(rf"message refused .*{sent}", printed)
        assert poison not in printed
        assert "message refused" in reader.follow(_TROUBLE, "Look into the DLQ", 1, TEXT=sent)

        assert "1 messages put back" in reader.follow(_TROUBLE, "Empty the DLQ", ALARM=alarm)
        poll("the poison back in the DLQ", lambda: counts(platform, [dlq])[dlq] == 1 or None, DEADLINE_SECONDS)
        printed = reader.follow(_TROUBLE, "Look into the DLQ", ALARM=alarm)
        again = re.findall(r"^(\S+) \S+Z is no message of ours$", printed, re.MULTILINE)
        assert again != [sent], "what is sent again has another id"
        reader.follow(_TROUBLE, "Empty the DLQ", 1, ALARM=alarm, MESSAGE=again[0])
        (kept,) = incident.DROPPED.glob(f"*{again[0]}")
        assert (kept.read_text(), kept.stat().st_mode & 0o777) == (poison, 0o600)
        kept.unlink()

        printed = reader.follow(_TROUBLE, "Prove that the DLQ is empty", ALARM=alarm)
        assert f"0 messages in the DLQ of {queue}" in printed
        assert printed.endswith("1 alarms, 0 ring\n")


@pytest.mark.parametrize("function", CONSUMERS)
def test_a_queue_moves_again(
    reader: Reader, platform: Platform, consumers: dict[str, str], tenant: Tenant, function: str
) -> None:
    queue = platform.outputs["queue_names"][function]
    old, deep = f"{queue}-old", f"{queue}-deep"
    for alarm in (old, deep):
        assert reader.variable(alarm, "QUEUE") == queue
    # A message is deep and old enough here; what is measured and compared is the same.
    with alarms.short_periods(platform, [old, deep], Threshold=0.5):
        platform.aws.functions.update_event_source_mapping(UUID=consumers[function], Enabled=False)
        order = tenant.place()
        alarms.wait_for_alarm(platform, [old, deep])

        printed = reader.follow(_TROUBLE, "Look at the queue", ALARM=old)
        assert re.search(rf"^{queue} +1 waiting, .*consumer Disabl", printed, re.MULTILINE)
        printed = reader.follow(_TROUBLE, "Get the queue moving", 1, ALARM=deep)
        assert re.search(rf"^{queue} +1 waiting, .*consumer Disabl", printed, re.MULTILINE)
        platform.aws.functions.update_event_source_mapping(UUID=consumers[function], Enabled=False)
        assert "taken from again" in reader.follow(_TROUBLE, "Get the queue moving", ALARM=old)
        tenant.invoiced(order)
        poll(f"{queue} empty", lambda: not counts(platform, [queue])[queue] or None, DEADLINE_SECONDS)

        for alarm in (old, deep):
            printed = reader.follow(_TROUBLE, "Prove that the queue moves", ALARM=alarm)
            assert re.search(rf"^{queue} +0 waiting, .*consumer Enabl", printed, re.MULTILINE)
            assert printed.endswith("1 alarms, 0 ring\n")


def test_a_function_that_fails(reader: Reader, platform: Platform) -> None:
    names: dict[str, str] = platform.outputs["function_names"]
    failing = {f"{name}-errors": (folder, name) for folder, name in names.items()}
    with alarms.short_periods(platform, list(failing)):
        for alarm, (folder, name) in failing.items():
            assert reader.variable(alarm, "FUNCTION") == folder
            # An event that is none of its trigger's.
            assert "FunctionError" in platform.aws.functions.invoke(
                FunctionName=name, Qualifier=traffic.ALIAS, Payload="{}"
            )
        alarms.wait_for_alarm(platform, list(failing))
        alarm = f"{names['order_pdf_creator']}-errors"
        printed = reader.follow(_TROUBLE, "Look at the function", ALARM=alarm)
        assert re.search(rf"/aws/lambda/{names['order_pdf_creator']} .*KeyError", printed)
        assert "create-order" not in printed
        assert "the stack is as its Terraform made it" not in reader.follow(
            _TROUBLE, "Mend the function", fails=True, TO=platform.target
        ), "the changed alarms are a change by hand"
        assert reader.follow(_TROUBLE, "Prove that the function runs", ALARM=alarm).endswith("1 alarms, 0 ring\n")


def test_a_function_that_is_slow(reader: Reader, platform: Platform, tenant: Tenant) -> None:
    names: dict[str, str] = platform.outputs["function_names"]
    slow = {f"{name}-slow": (folder, name) for folder, name in names.items()}
    correlation_id = f"e2e-{uuid4()}"
    tenant.invoiced(tenant.place(correlation_id))
    # A millisecond is slow here; what is measured and compared is the same.
    with alarms.short_periods(platform, list(slow), Threshold=0.5):
        for alarm, (folder, name) in slow.items():
            assert reader.variable(alarm, "FUNCTION") == folder
            traffic.invoke_empty(platform.aws.functions, name, traffic.ALIAS)
        alarms.wait_for_alarm(platform, list(slow))
        alarm = f"{names['order_creator_record']}-slow"
        printed = reader.follow(_TROUBLE, "Look at the slow calls", ALARM=alarm, TEXT=correlation_id)
        assert "order recorded" in printed
        assert reader.follow(_TROUBLE, "Prove that the function is quick", ALARM=alarm).endswith("1 alarms, 0 ring\n")


def test_server_errors_of_the_api(reader: Reader, platform: Platform, tenant: Tenant) -> None:
    alarm = f"bbws-order-api-5xx-{platform.target}"
    order = tenant.ordered()
    before = permissions.role_policy(platform, "get_order")
    without = [one for one in before["Statement"] if "dynamodb:GetItem" not in one["Action"]]
    with alarms.short_periods(platform, [alarm]):
        # Somebody changes a right by hand.
        permissions.put_role_policy(platform, "get_order", {**before, "Statement": without})
        try:
            answer = tenant.get(order["id"])
            assert answer.status_code == 500
            alarms.wait_for_alarm(platform, [alarm])
            correlation_id = answer.headers["X-Correlation-Id"]
            printed = reader.follow(_TROUBLE, "Look at the API", ALARM=alarm, TEXT=correlation_id)
            assert printed.count(f"request failed  ClientError  {correlation_id}") == 2
            printed = reader.follow(_TROUBLE, "Look at the API", 1, fails=True)
            assert 'module.function["get_order"].aws_iam_role_policy.this' in printed
        finally:
            permissions.put_role_policy(platform, "get_order", before)
            permissions.forget_denials()
        assert tenant.get(order["id"]).status_code == 200
        assert reader.follow(_TROUBLE, "Prove that the API answers", ALARM=alarm).endswith("1 alarms, 0 ring\n")


def test_a_table_that_throttles(reader: Reader, consumers: Any, platform: Platform) -> None:
    alarm = f"bbws-order-table-throttles-{platform.target}"
    dimensions: Any = [
        {"Name": "TableName", "Value": platform.outputs["orders_table"]},
        {"Name": "GlobalSecondaryIndexName", "Value": "OrderByIdIndex"},
    ]
    with alarms.short_periods(platform, [alarm]):
        # The engine throttles nothing, so its count is put.
        platform.aws.cloudwatch.put_metric_data(
            Namespace="AWS/DynamoDB",
            MetricData=[{"MetricName": "WriteThrottleEvents", "Dimensions": dimensions, "Value": 3}],
        )
        alarms.wait_for_alarm(platform, [alarm])
        reader.follow(_TROUBLE, "Look at the table", ALARM=alarm)
        assert "left to fill" in reader.follow(_TROUBLE, "Mend the throttling")
        assert reader.follow(_TROUBLE, "Prove that the table keeps up", ALARM=alarm).endswith("1 alarms, 0 ring\n")


def test_where_an_order_is(reader: Reader, tenant: Tenant) -> None:
    order = tenant.invoiced(tenant.place())
    printed = reader.follow(_TROUBLE, "A customer asks where an order is", TEXT=order["id"])
    assert [re.search(r"INFO  (\w+ \w+)", line)[1] for line in printed.splitlines()[:-1]] == [  # type: ignore[index]
        "order accepted",
        "order recorded",
        "invoice created",
    ]
    assert tenant.email not in printed


def test_every_command_was_run(reader: Reader, record_property: Any) -> None:
    all_blocks = documents.runbook_blocks()
    left = [f"{block.page}, {block.heading}: {block.text}" for block in all_blocks if not block.rehearsed]
    done = [f"{block.page}, {block.heading}: {block.text}" for block in reader.done]
    assert sorted(set(left) - set(done)) == []
    here = sum(len(block.commands) for block in all_blocks if not block.rehearsed)
    runs = sum(len(block.commands) for block in reader.done)
    rehearsed = sum(len(block.commands) for block in all_blocks if block.rehearsed)
    text = f"all {here} of the local stack, {runs} runs of them; {rehearsed} more are of make rehearse"
    record_property("runbook commands executed", text)
