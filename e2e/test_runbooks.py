"""Runs every command of docs/runbooks/ that needs no account, in the state that it is for.

Each alarm is put into ALARM by its own cause. `make rehearse` runs the commands that need accounts, and
tests/integration/test_killed_deployment.py those for deployments that were killed.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from cli.ops import DROPPED
from e2e import alarms, permissions
from e2e.queues import counts
from e2e.tenant import DEADLINE_SECONDS, Tenant
from localstack.targets import Platform
from release import traffic
from tests.support import pages
from tooling import documents
from tooling.documents import Block
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.long, pytest.mark.sidecars, pytest.mark.needs("IAM", "metrics")]

_COMMAND_SECONDS = 600
_TROUBLE = "troubleshooting"


class Reader:
    """Follows the runbooks, and remembers which blocks it ran.

    Args:
        target: Target of the commands.
    """

    def __init__(self, target: str) -> None:
        self._blocks = documents.runbook_blocks()
        self._environment = {**os.environ, "TARGET": target}
        self.done: list[Block] = []

    def follow(self, page: str, heading: str, number: int = 0, fails: bool = False, **variables: str) -> str:
        """Run a block, and return its output.

        Args:
            page: Page of the block.
            heading: Heading that it stands under.
            number: Its number under the heading.
            fails: Whether the block must fail.
            variables: Variables that it names; the block of ALARM, which sets others, is run first.
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
        """The value of a variable that the block of an alarm sets."""
        heading = alarm.replace(f"-{self._environment['TARGET']}", "-{env}")
        (block,) = [one for one in self._blocks if one.heading == heading]
        script = f"{block.text}\nprintenv {name}"
        done = subprocess.run(
            ["bash", "-euc", script], env=self._environment, capture_output=True, text=True, check=True
        )
        self.done.append(block)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def reader(platform: Platform, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """One reader for all tests. If all were selected, they must run every block that needs no account."""
    reader = Reader(platform.target)
    yield reader
    tests = {name for name in vars(request.module) if name.startswith("test_")}
    selected = {item.name.partition("[")[0] for item in request.session.items if item.path == request.path}
    if selected >= tests:
        blocks = [block for block in documents.runbook_blocks() if not block.rehearsed and not block.killed]
        left = [f"{block.page}, {block.heading}: {block.text}" for block in blocks if block not in reader.done]
        assert left == [], "no test runs these blocks"


@pytest.fixture(scope="module", autouse=True)
def empty_dlqs(platform: Platform) -> None:
    """Empties the DLQs of what earlier tests left there."""
    for name in platform.outputs["dlq_names"].values():
        platform.aws.sqs.purge_queue(QueueUrl=platform.queue_url(name))


def _mapping(platform: Platform, function: str) -> str:
    name = f"{platform.outputs['function_names'][function]}:{traffic.ALIAS}"
    (found,) = platform.aws.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    return found["UUID"]


@pytest.fixture
def consumers(platform: Platform) -> Iterator[dict[str, str]]:
    """The event source mapping of each consumer, by its folder; all are enabled at the end."""
    found = {function: _mapping(platform, function) for function in platform.outputs["queue_names"]}
    yield found
    for mapping in found.values():
        platform.aws.functions.update_event_source_mapping(UUID=mapping, Enabled=True)


CONSUMERS = ["order_creator_record", "order_pdf_creator", "order_internal_notification", "customer_order_confirmation"]


def test_alarm_leads_to_its_heading(platform: Platform) -> None:
    """Each alarm has a section in the runbook, and its description links to it."""
    found = {alarm["AlarmName"]: alarm["AlarmDescription"] for alarm in alarms.describe(platform)}
    names = [*platform.outputs["alarm_names"], *platform.outputs["mail_alarm_names"]]
    assert sorted(found) == sorted(pages.alarms(platform.target)) == sorted(names)
    for name, description in found.items():
        heading = name.replace(f"-{platform.target}", "-{env}")
        url = "https://github.com/kimmyai/bbws-order-lambda/blob/main/docs/runbooks/troubleshooting.md"
        assert description.endswith(f" Runbook: {url}#{pages.anchor(heading)}")


def test_daily_look_and_saved_queries(reader: Reader) -> None:
    """The daily look shows alarms and queues, and the saved queries run."""
    for page, heading in (("operations", "Look at the day"), (_TROUBLE, "Troubleshooting")):
        printed = reader.follow(page, heading)
        assert re.search(r"^34 alarms, \d+ in ALARM$", printed, re.MULTILINE)
        assert printed.count(" waiting, ") == 8
    assert len(re.findall(r"^\d+ lines$", reader.follow("operations", "Saved queries"), re.MULTILINE)) == 3


def test_orders_wait_for_cart_maintenance(reader: Reader, consumers: Any, tenant: Tenant) -> None:
    """Orders wait in the paused queue, and are created after the maintenance."""
    printed = reader.follow("operations", "Maintenance of the Cart service")
    assert printed.splitlines() == [
        "bbws-order-creation-local is paused: its messages wait",
        "bbws-order-creation-local is resumed: its messages are consumed",
    ]
    tenant.ordered()
    assert "consumer Enabled" in reader.follow("operations", "Maintenance of the Cart service", 1)


def test_deleted_and_damaged_orders_are_recovered(
    reader: Reader, consumers: Any, platform: Platform, tenant: Tenant
) -> None:
    """A restored table gives back what was deleted, and on request what was damaged."""
    table, dynamodb = platform.outputs["orders_table"], platform.aws.dynamodb

    def recovery(enabled: bool) -> None:
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        )

    def key(order: dict[str, Any]) -> dict[str, Any]:
        return {"PK": {"S": f"TENANT#{tenant.id}"}, "SK": {"S": f"ORDER#{order['id']}"}}

    page = "disaster-recovery"
    # Recovery is on in the accounts, and off locally.
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
        printed = reader.follow(page, "Restore the table next to the live one", AT=at.isoformat())
        restored = printed.split()[-1]
        assert restored.startswith(f"{table}-restored-")
        printed = reader.follow(page, "Put back what is missing", FROM=restored)
        assert f"differs: TENANT#{tenant.id} ORDER#{damaged['id']}\n" in printed
        assert printed.endswith("1 items copied back, 1 left\n")
        assert tenant.get(deleted["id"]).json() == deleted
        assert tenant.get(damaged["id"]).json()["total"] == "0.01"
        reader.follow(page, "Put back what is missing", 1, FROM=restored, ORDER=damaged["id"])
        assert tenant.get(damaged["id"]).json() == damaged
        assert tenant.get(waiting).status_code == 202
        reader.follow(page, "Process orders again")

        def number(order: dict[str, Any]) -> int:
            return int(order["orderNumber"].rpartition("-")[2])

        assert number(tenant.recorded(waiting)) == number(damaged) + 1
        printed = reader.follow(page, "Prove that the orders are back", FROM=restored)
        # The counter has moved on with the waiting order.
        assert "not overwritten, the live item differs: COUNTER#ORDER YEAR#" in printed
        assert "0 items copied back, 1 left\n" in printed
        assert restored not in dynamodb.list_tables()["TableNames"]
    finally:
        recovery(False)
        if restored in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName=restored)


@pytest.mark.parametrize("function", CONSUMERS)
def test_dlq_is_emptied(reader: Reader, platform: Platform, function: str) -> None:
    """Messages of a DLQ are shown, explained by the logs, moved back, or dropped into a file."""
    queue, dlq = platform.outputs["queue_names"][function], platform.outputs["dlq_names"][function]
    alarm = f"{dlq}-not-empty"
    poison = f"poison {uuid4()}"
    assert reader.variable(alarm, "QUEUE") == queue
    with alarms.short_periods(platform, [alarm]):
        sent = platform.aws.sqs.send_message(QueueUrl=platform.queue_url(queue), MessageBody=poison)["MessageId"]
        alarms.wait_for_alarm(platform, [alarm])

        printed = reader.follow(_TROUBLE, "Look into the DLQ", ALARM=alarm)
        assert re.search(
            rf"^{sent} \S+Z not an event of this service\n1 messages in the DLQ of {queue}$", printed, re.MULTILINE
        )
        assert re.search(rf"message refused .*{sent}", printed)
        assert poison not in printed
        assert "message refused" in reader.follow(_TROUBLE, "Look into the DLQ", 1, TEXT=sent)

        assert "1 messages moved back" in reader.follow(_TROUBLE, "Empty the DLQ", ALARM=alarm)
        poll("the poison message back in the DLQ", lambda: counts(platform, [dlq])[dlq] == 1 or None, DEADLINE_SECONDS)
        printed = reader.follow(_TROUBLE, "Look into the DLQ", ALARM=alarm)
        again = re.findall(r"^(\S+) \S+Z not an event of this service$", printed, re.MULTILINE)
        assert again != [sent], "a message that is moved back gets another id"
        reader.follow(_TROUBLE, "Empty the DLQ", 1, ALARM=alarm, MESSAGE=again[0])
        (kept,) = DROPPED.glob(f"*{again[0]}")
        assert (kept.read_text(), kept.stat().st_mode & 0o777) == (poison, 0o600)
        kept.unlink()

        printed = reader.follow(_TROUBLE, "Prove that the DLQ is empty", ALARM=alarm)
        assert f"0 messages in the DLQ of {queue}" in printed
        assert printed.endswith("1 alarms, 0 in ALARM\n")


@pytest.mark.parametrize("function", CONSUMERS)
def test_old_queue_moves_again(
    reader: Reader, platform: Platform, consumers: dict[str, str], tenant: Tenant, function: str
) -> None:
    """A queue whose consumer is disabled is found and resumed."""
    queue = platform.outputs["queue_names"][function]
    old, deep = f"{queue}-old", f"{queue}-deep"
    for alarm in (old, deep):
        assert reader.variable(alarm, "QUEUE") == queue
    # One message is deep and old enough here; what is measured and compared is the same.
    with alarms.short_periods(platform, [old, deep], Threshold=0.5):
        platform.aws.functions.update_event_source_mapping(UUID=consumers[function], Enabled=False)
        order = tenant.place()
        alarms.wait_for_alarm(platform, [old, deep])

        printed = reader.follow(_TROUBLE, "Look at the queue", ALARM=old)
        assert re.search(rf"^{queue} +1 waiting, .*consumer Disabl", printed, re.MULTILINE)
        printed = reader.follow(_TROUBLE, "Get the queue moving", 1, ALARM=deep)
        assert re.search(rf"^{queue} +1 waiting, .*consumer Disabl", printed, re.MULTILINE)
        platform.aws.functions.update_event_source_mapping(UUID=consumers[function], Enabled=False)
        assert "is resumed" in reader.follow(_TROUBLE, "Get the queue moving", ALARM=old)
        tenant.invoiced(order)
        poll(f"{queue} empty", lambda: not counts(platform, [queue])[queue] or None, DEADLINE_SECONDS)

        for alarm in (old, deep):
            printed = reader.follow(_TROUBLE, "Prove that the queue moves", ALARM=alarm)
            assert re.search(rf"^{queue} +0 waiting, .*consumer Enabl", printed, re.MULTILINE)
            assert printed.endswith("1 alarms, 0 in ALARM\n")


def test_failing_function_is_found(reader: Reader, platform: Platform) -> None:
    """The section on failing functions shows the error, and drift shows a change by hand."""
    names: dict[str, str] = platform.outputs["function_names"]
    failing = {f"{name}-errors": (folder, name) for folder, name in names.items()}
    with alarms.short_periods(platform, list(failing)):
        for alarm, (folder, name) in failing.items():
            assert reader.variable(alarm, "FUNCTION") == folder
            # An event that its trigger would never send.
            assert "FunctionError" in platform.aws.functions.invoke(
                FunctionName=name, Qualifier=traffic.ALIAS, Payload="{}"
            )
        alarms.wait_for_alarm(platform, list(failing))
        alarm = f"{names['order_pdf_creator']}-errors"
        printed = reader.follow(_TROUBLE, "Look at the function", ALARM=alarm)
        assert re.search(rf"/aws/lambda/{names['order_pdf_creator']} .*KeyError", printed)
        assert "create-order" not in printed
        assert "the stack matches its Terraform" not in reader.follow(
            _TROUBLE, "Fix the function", fails=True, TO=platform.target
        ), "the changed alarms are a change by hand"
        assert reader.follow(_TROUBLE, "Prove that the function runs", ALARM=alarm).endswith("1 alarms, 0 in ALARM\n")


def test_slow_function_is_found(reader: Reader, platform: Platform, tenant: Tenant) -> None:
    """The section on slow functions shows the slow calls and the steps of a request."""
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
        assert reader.follow(_TROUBLE, "Prove that the function is fast", ALARM=alarm).endswith(
            "1 alarms, 0 in ALARM\n"
        )


def test_api_server_errors_are_explained(reader: Reader, platform: Platform, tenant: Tenant) -> None:
    """The section on server errors shows the failed request and the policy that was changed."""
    alarm = f"bbws-order-api-5xx-{platform.target}"
    order = tenant.ordered()
    before = permissions.role_policy(platform, "get_order")
    without = [one for one in before["Statement"] if "dynamodb:GetItem" not in one["Action"]]
    with alarms.short_periods(platform, [alarm]):
        # Somebody changes a policy by hand.
        permissions.put_role_policy(platform, "get_order", {**before, "Statement": without})
        try:
            response = tenant.get(order["id"])
            assert response.status_code == 500
            alarms.wait_for_alarm(platform, [alarm])
            correlation_id = response.headers["X-Correlation-Id"]
            printed = reader.follow(_TROUBLE, "Look at the API", ALARM=alarm, TEXT=correlation_id)
            assert printed.count(f"request failed  ClientError  {correlation_id}") == 2
            printed = reader.follow(_TROUBLE, "Look at the API", 1, fails=True)
            assert 'module.function["get_order"].aws_iam_role_policy.this' in printed
        finally:
            permissions.put_role_policy(platform, "get_order", before)
            permissions.forget_denials()
        assert tenant.get(order["id"]).status_code == 200
        assert reader.follow(_TROUBLE, "Prove that the API works", ALARM=alarm).endswith("1 alarms, 0 in ALARM\n")


def test_throttled_table_is_relieved(reader: Reader, consumers: Any, platform: Platform) -> None:
    """The section on throttling pauses and resumes the queue."""
    alarm = f"bbws-order-table-throttles-{platform.target}"
    dimensions: Any = [
        {"Name": "TableName", "Value": platform.outputs["orders_table"]},
        {"Name": "GlobalSecondaryIndexName", "Value": "OrderByIdIndex"},
    ]
    with alarms.short_periods(platform, [alarm]):
        # The engine never throttles, so the test publishes the metric.
        platform.aws.cloudwatch.put_metric_data(
            Namespace="AWS/DynamoDB",
            MetricData=[{"MetricName": "WriteThrottleEvents", "Dimensions": dimensions, "Value": 3}],
        )
        alarms.wait_for_alarm(platform, [alarm])
        reader.follow(_TROUBLE, "Look at the table", ALARM=alarm)
        assert "is paused" in reader.follow(_TROUBLE, "Fix the throttling")
        assert reader.follow(_TROUBLE, "Prove that the table keeps up", ALARM=alarm).endswith("1 alarms, 0 in ALARM\n")


def test_rejections_are_explained(reader: Reader, consumers: Any, platform: Platform, tenant: Tenant) -> None:
    """Many rejected orders raise their own alarm, and the section on them names the reason of each."""
    alarm = f"bbws-order-rejections-{platform.target}"
    with alarms.short_periods(platform, [alarm]):
        with ThreadPoolExecutor(max_workers=8) as pool:
            orders = list(pool.map(lambda _: tenant.place(cartId=f"cart-{uuid4().hex}"), range(30)))
        alarms.wait_for_alarm(platform, [alarm])
        printed = reader.follow(_TROUBLE, "Look at the rejections", ALARM=alarm, TEXT=orders[0])
        assert re.search(rf"cart refused .*CART_NOT_FOUND .*{orders[0]}", printed)
        assert "order rejected" in printed
        assert "is paused" in reader.follow(_TROUBLE, "Stop the rejections")
        assert reader.follow(_TROUBLE, "Prove that orders are recorded", ALARM=alarm).endswith("1 alarms, 0 in ALARM\n")
    assert all(tenant.recorded(order)["status"] == "REJECTED" for order in orders)
    dlqs = list(platform.outputs["dlq_names"].values())
    assert sum(counts(platform, dlqs).values()) == 0, "a rejected order is no message for a DLQ"


def test_order_is_traced(reader: Reader, tenant: Tenant) -> None:
    """A query shows each step of an order, and nothing personal."""
    order = tenant.invoiced(tenant.place())
    printed = reader.follow(_TROUBLE, "A customer asks where an order is", TEXT=order["id"])
    assert [re.search(r"INFO  (\w+ \w+)", line)[1] for line in printed.splitlines()[:-1]] == [  # type: ignore[index]
        "order accepted",
        "order recorded",
        "invoice created",
    ]
    assert tenant.email not in printed
