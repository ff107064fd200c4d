"""The commands of an incident, and the AWS operations that the engine needs for them."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from cli import ops
from localstack.aws import Aws
from ops import alarms, log_queries, queues, restores
from ops.alarms import AlarmError
from ops.log_queries import QueryError
from ops.queues import QueueError
from ops.restores import RestoreError
from tests.support.lambda_functions import make_function
from tooling.cli import UserError
from tooling.paths import ROOT
from tooling.polling import poll

SECONDS = 20


type Run = Callable[..., list[str]]


@pytest.fixture
def run(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of `bin/ops` on the engine, with outputs of Terraform; returns the lines that it prints."""

    def run(outputs: dict[str, Any], *words: str) -> list[str]:
        monkeypatch.setattr(ops, "_account", lambda _: (aws.client, outputs))
        result = CliRunner().invoke(ops.app, [*words, "--target", "local"])
        if result.exit_code:
            raise UserError(result.stderr)
        return result.stdout.splitlines()

    return run


@pytest.fixture
def queue(aws: Aws) -> str:
    """A queue with a DLQ."""
    name = f"queue-{uuid4().hex[:8]}"
    aws.sqs.create_queue(QueueName=f"{name}-dlq")
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:af-south-1:000000000000:{name}-dlq", "maxReceiveCount": 3}
    aws.sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy)})
    return name


def send(aws: Aws, queue: str, body: str) -> str:
    """Send a message and return its id."""
    return aws.sqs.send_message(QueueUrl=queues.url(aws.sqs, queue), MessageBody=body)["MessageId"]


def put_alarm(aws: Aws, **settings: Any) -> str:
    """Create an alarm with a period of ten seconds and a threshold of 0, unless another is given."""
    name = f"alarm-{uuid4().hex[:8]}"
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="Runbook: https://example.com/troubleshooting.md#x",
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        **{"Threshold": 0, **settings},
    )
    return name


def on_queue(aws: Aws, queue: str, metric: str) -> str:
    """An alarm on a metric of a queue."""
    dimensions = [{"Name": "QueueName", "Value": queue}]
    return put_alarm(aws, Namespace="AWS/SQS", MetricName=metric, Dimensions=dimensions, Statistic="Maximum", Period=10)


class TestAlarms:
    def test_alarm_of_queue_follows_its_messages(self, aws: Aws, run: Run, queue: str) -> None:
        """Alarms on depth and age of a queue go into ALARM with a message, and back to OK without."""
        deep, old = [
            on_queue(aws, queue, metric)
            for metric in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
        ]
        outputs = {"alarm_names": [deep, old]}
        assert run(outputs, "alarms")[-1] == "2 alarms, 0 in ALARM"
        send(aws, queue, "x")
        poll("both in ALARM", lambda: run(outputs, "alarms")[-1] == "2 alarms, 2 in ALARM" or None, SECONDS)
        assert run(outputs, "alarms", "--alarm", deep) == [
            f"ALARM {deep} (1 against 0)",
            "  Runbook: https://example.com/troubleshooting.md#x",
            "1 alarms, 1 in ALARM",
        ]
        with pytest.raises(AlarmError, match=f"still in ALARM after 1 s: {deep}"):
            alarms.wait_until_ok(aws.cloudwatch, [deep], 1)
        aws.sqs.purge_queue(QueueUrl=queues.url(aws.sqs, queue))
        assert run(outputs, "alarms", "--wait", str(SECONDS))[-1] == "2 alarms, 0 in ALARM"

    def test_alarms_unknown_name_is_refused(self, aws: Aws) -> None:
        """An alarm that does not exist is named."""
        with pytest.raises(AlarmError, match="there is no alarm nothing"):
            alarms.alarms(aws.cloudwatch, ["nothing"])

    def test_alarm_with_fill_needs_no_data(self, aws: Aws) -> None:
        """An alarm on a sum of filled metrics works before there is any data."""
        table = f"table-{uuid4().hex[:8]}"
        dimensions: Any = [{"Name": "TableName", "Value": table}]

        def throttled(identity: str, metric: str) -> dict[str, Any]:
            of = {"Namespace": "AWS/DynamoDB", "MetricName": metric, "Dimensions": dimensions}
            return {"Id": identity, "MetricStat": {"Metric": of, "Period": 10, "Stat": "Sum"}, "ReturnData": False}

        name = put_alarm(
            aws,
            Metrics=[
                {"Id": "all", "Expression": "FILL(reads, 0) + FILL(writes, 0)", "ReturnData": True},
                throttled("reads", "ReadThrottleEvents"),
                throttled("writes", "WriteThrottleEvents"),
            ],
        )
        assert not alarms.alarms(aws.cloudwatch, [name])[0].in_alarm
        aws.cloudwatch.put_metric_data(
            Namespace="AWS/DynamoDB",
            MetricData=[{"MetricName": "WriteThrottleEvents", "Dimensions": dimensions, "Value": 1}],
        )
        assert alarms.alarms(aws.cloudwatch, [name])[0].in_alarm

    @pytest.mark.parametrize(
        ("accepted", "rejected", "in_alarm"),
        [(0, 0, False), (19, 19, False), (20, 0, False), (20, 10, False), (20, 11, True)],
    )
    def test_alarm_on_rejections_needs_many_orders(
        self, aws: Aws, accepted: int, rejected: int, in_alarm: bool
    ) -> None:
        """The alarm on rejected orders needs twenty orders, of which more than half are rejected."""
        text = (ROOT / "terraform" / "modules" / "monitoring" / "main.tf").read_text()
        (expression,) = re.findall(r'expression *= "(IF\(accepted .+?)"', text)
        dimensions: Any = [{"Name": "service", "Value": uuid4().hex}]
        counts = {"accepted": accepted, "rejected": rejected}
        queries: list[Any] = [{"Id": "result", "Expression": expression, "ReturnData": True}]
        for identity, value in counts.items():
            metric = {"Namespace": "OrderService", "MetricName": identity, "Dimensions": dimensions}
            stat = {"Metric": metric, "Period": 10, "Stat": "Sum"}
            queries.append({"Id": identity, "MetricStat": stat, "ReturnData": False})
            if value:
                data: Any = [{"MetricName": identity, "Dimensions": dimensions, "Value": value}]
                aws.cloudwatch.put_metric_data(Namespace="OrderService", MetricData=data)
        name = put_alarm(aws, Metrics=queries, Threshold=50)
        assert alarms.alarms(aws.cloudwatch, [name])[0].in_alarm is in_alarm


class TestQueues:
    def test_dlq_shows_ids_and_no_personal_data(self, aws: Aws, run: Run, queue: str) -> None:
        """The messages of a DLQ are shown by their ids, and stay."""
        event = {
            "eventType": "OrderCreationRequested",
            "correlationId": "c-1",
            "payload": {"orderId": "o-1", "order": {"customerEmail": "thandi@acme.example"}},
        }
        ours, poison = send(aws, f"{queue}-dlq", json.dumps(event)), send(aws, f"{queue}-dlq", "thandi@acme.example")
        for _ in range(2):
            first, second, last = run({}, "dlq", queue)
            assert first.startswith(ours)
            assert first.endswith("OrderCreationRequested order o-1 correlation c-1")
            assert second.startswith(poison)
            assert second.endswith("not an event of this service")
            assert "@" not in first + second
            assert last == f"2 messages in the DLQ of {queue}"

    def test_drop_keeps_message_in_private_file(self, aws: Aws, queue: str, tmp_path: Path) -> None:
        """A dropped message leaves the DLQ and is kept in a file for the user only."""
        poison, other = send(aws, f"{queue}-dlq", "poison"), send(aws, f"{queue}-dlq", "other")
        file = queues.drop(aws.sqs, queue, poison, tmp_path / "dropped")
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("poison", 0o600)
        assert [message.id for message in queues.dlq_messages(aws.sqs, queue)] == [other]
        with pytest.raises(QueueError, match=f"there is no message '{poison}'"):
            queues.drop(aws.sqs, queue, poison, tmp_path)

    def test_pause_keeps_messages_resume_consumes_them(self, aws: Aws, run: Run, queue: str) -> None:
        """A paused queue keeps its messages; a resumed one is consumed."""
        function = make_function("def handler(event, context):\n    pass\n")
        iam: Any = aws.iam
        allow = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName=function, PolicyName="queue", PolicyDocument=policy)
        arn = f"arn:aws:sqs:af-south-1:000000000000:{queue}"
        aws.functions.create_event_source_mapping(FunctionName=function, EventSourceArn=arn)
        outputs = {"queue_names": {"f": queue}, "dlq_names": {"f": f"{queue}-dlq"}}

        def shown() -> str:
            return run(outputs, "queues")[0]

        assert run(outputs, "pause", queue) == [f"{queue} is paused: its messages wait"]
        send(aws, queue, "x")
        assert "1 waiting" in shown()
        assert "Disabl" in shown()
        assert run(outputs, "resume", queue) == [f"{queue} is resumed: its messages are consumed"]
        poll("the message consumed", lambda: ("0 waiting, 0 in flight" in shown()) or None, SECONDS)
        assert "Enabl" in shown()

    def test_queue_commands_unknown_queue_is_refused(self, aws: Aws, queue: str) -> None:
        """A queue that does not exist, or has no DLQ or consumer, is named."""
        with pytest.raises(QueueError, match="there is no queue 'nothing'"):
            queues.dlq_messages(aws.sqs, "nothing")
        with pytest.raises(QueueError, match="has no DLQ"):
            queues.dlq_messages(aws.sqs, f"{queue}-dlq")
        with pytest.raises(QueueError, match="has no consumer"):
            queues.enable_consumer(aws.sqs, aws.functions, queue, False)


class TestQueries:
    @pytest.fixture
    def saved(self, aws: Aws) -> tuple[str, str]:
        """The prefix of two queries, and the function whose lines they read."""
        prefix, function = f"prefix-{uuid4().hex[:8]}", f"function-{uuid4().hex[:8]}"
        group = f"/aws/lambda/{function}"
        aws.logs.create_log_group(logGroupName=group)
        aws.logs.create_log_stream(logGroupName=group, logStreamName="s")
        now = int(time.time() * 1000)
        lines = [
            json.dumps({"level": "ERROR", "message": "one", "order_id": "o-1.2"}),
            json.dumps({"level": "INFO", "message": "two", "order_id": "o-1x2"}),
        ]
        events: Any = [{"timestamp": now - 1000 + n, "message": line} for n, line in enumerate(lines)]
        aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
        fields = "fields level, message, order_id | filter @message like"
        for name, query in {"all": f"{fields} /order_id/ | sort @timestamp desc", "trace": f"{fields} /ID/"}.items():
            aws.logs.put_query_definition(name=f"{prefix}/{name}", logGroupNames=[group], queryString=query)
        return prefix, function

    def test_query_reads_fields_of_json_lines(self, aws: Aws, run: Run, saved: tuple[str, str]) -> None:
        """A saved query finds fields of JSON lines, and an id with a dot exactly."""
        prefix, function = saved
        newest = {"level": "INFO", "message": "two", "order_id": "o-1x2"}
        assert log_queries.run(aws.logs, prefix, "all", "", 5)[0] == newest
        outputs = {"saved_queries": {f"{prefix}/all": ""}, "function_names": {"f": function}}
        assert run(outputs, "query", "trace", "--text", "o-1.2", "--function", "f") == ["ERROR  one  o-1.2", "1 lines"]

    def test_query_wrong_name_id_or_function_is_refused(self, aws: Aws, run: Run, saved: tuple[str, str]) -> None:
        """A query says which name, id or function it needs."""
        prefix, function = saved
        with pytest.raises(QueryError, match="choose one of all, trace"):
            log_queries.run(aws.logs, prefix, "nothing", "", 5)
        for text in ("", "a/b", "a b", "x" * 65, "(a+)+"):
            with pytest.raises(QueryError, match="looks for an id"):
                log_queries.run(aws.logs, prefix, "trace", text, 5)
        outputs = {"saved_queries": {f"{prefix}/all": ""}, "function_names": {"f": function}}
        with pytest.raises(UserError, match="--function is one of f"):
            run(outputs, "query", "all", "--function", "g")

    def test_query_deleted_is_gone(self, aws: Aws, saved: tuple[str, str]) -> None:
        """A deleted query is not listed."""
        (first, _) = aws.logs.describe_query_definitions(queryDefinitionNamePrefix=saved[0])["queryDefinitions"]
        aws.logs.delete_query_definition(queryDefinitionId=first["queryDefinitionId"])
        found = aws.logs.describe_query_definitions(queryDefinitionNamePrefix=saved[0])["queryDefinitions"]
        assert [query["name"] for query in found] == [f"{saved[0]}/trace"]


class TestRestore:
    @pytest.fixture
    def table(self, aws: Aws) -> str:
        """A table without recovery."""
        name = f"table-{uuid4().hex[:8]}"
        aws.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        )
        return name

    @staticmethod
    def put(aws: Aws, table: str, order: str, total: str) -> None:
        """Write an order."""
        item: Any = {"PK": {"S": "TENANT#t"}, "SK": {"S": f"ORDER#{order}"}, "total": {"N": total}}
        aws.dynamodb.put_item(TableName=table, Item=item)

    @staticmethod
    def totals(aws: Aws, table: str) -> dict[str, str]:
        """Total of each order in a table, by its id."""
        items = aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return {item["SK"]["S"].removeprefix("ORDER#"): item["total"]["N"] for item in items}

    @staticmethod
    def next_second() -> datetime:
        """The beginning of the next second, once it has come."""
        begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        return poll("the next second", lambda: begin if datetime.now(UTC) > begin else None, SECONDS)

    def test_recover_copies_missing_items_only(self, aws: Aws, table: str) -> None:
        """Missing items are copied back, others only when requested by id."""
        aws.dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        for order in ("deleted", "damaged", "same", "twice"):
            self.put(aws, table, order, "1")
        self.put(aws, table, "twice", "2")
        at = self.next_second()
        self.put(aws, table, "damaged", "9")
        self.put(aws, table, "twice", "3")
        self.put(aws, table, "new", "5")
        for order in ("deleted", "twice"):
            key: Any = {"PK": {"S": "TENANT#t"}, "SK": {"S": f"ORDER#{order}"}}
            aws.dynamodb.delete_item(TableName=table, Key=key)

        restored = restores.restore(aws.dynamodb, table, at)
        assert self.totals(aws, restored) == {"deleted": "1", "damaged": "1", "same": "1", "twice": "2"}
        copied, left = restores.recover(aws.dynamodb, restored, None)
        assert sorted(copied) == ["TENANT#t ORDER#deleted", "TENANT#t ORDER#twice"]
        assert left == ["TENANT#t ORDER#damaged"]
        assert self.totals(aws, table) == {"deleted": "1", "damaged": "9", "same": "1", "twice": "2", "new": "5"}
        assert restores.recover(aws.dynamodb, restored, "damaged")[0] == ["TENANT#t ORDER#damaged"]
        assert self.totals(aws, table)["damaged"] == "1"
        with pytest.raises(RestoreError, match="there is no order new"):
            restores.recover(aws.dynamodb, restored, "new")
        restores.discard(aws.dynamodb, restored)
        assert restored not in aws.dynamodb.list_tables()["TableNames"]

    def test_recover_takes_no_acceptance_for_an_order(self, aws: Aws, table: str) -> None:
        """An order that was only accepted is not copied back, and does not stand in the way of one that is."""
        aws.dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        keys: dict[str, Any] = {
            name: {"PK": {"S": "TENANT#t"}, "SK": {"S": f"ORDER#{name}"}} for name in ("later", "lost", "gone")
        }
        for name in ("later", "gone"):
            aws.dynamodb.put_item(TableName=table, Item={**keys[name], "status": {"S": "ACCEPTED"}})
        self.put(aws, table, "lost", "1")
        at = self.next_second()
        self.put(aws, table, "later", "2")
        aws.dynamodb.delete_item(TableName=table, Key=keys["gone"])
        aws.dynamodb.put_item(TableName=table, Item={**keys["lost"], "status": {"S": "ACCEPTED"}})

        restored = restores.restore(aws.dynamodb, table, at)
        assert restores.recover(aws.dynamodb, restored, None) == (["TENANT#t ORDER#lost"], [])
        assert self.totals(aws, table) == {"later": "2", "lost": "1"}
        restores.discard(aws.dynamodb, restored)

    def test_restore_outside_backups_is_refused(self, aws: Aws, table: str) -> None:
        """Without recovery, or before its window, nothing is restored."""
        with pytest.raises(RestoreError, match="recovery is not enabled"):
            restores.restore(aws.dynamodb, table, datetime.now(UTC))
        aws.dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        with pytest.raises(RestoreError, match="out of the window"):
            restores.restore(aws.dynamodb, table, datetime.now(UTC) - timedelta(hours=1))

    def test_discard_live_table_is_refused(self, aws: Aws, table: str) -> None:
        """A live table is neither deleted nor copied from."""
        for refused in (restores.discard, lambda client, name: restores.recover(client, name, None)):
            with pytest.raises(RestoreError, match="is not a restored table"):
                refused(aws.dynamodb, table)
        assert table in aws.dynamodb.list_tables()["TableNames"]


def test_metrics_in_log_line_are_published(aws: Aws) -> None:
    """Metrics in a log line are published if the role may write logs."""
    namespace = f"Test{uuid4().hex[:8]}"
    directive = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": [{"Name": "Value", "Unit": "None"}]}
    line = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "service": "s", "Value": [1.5, 2.5]}
    broken = json.dumps({"_aws": {"CloudWatchMetrics": "none"}})
    function = make_function(f"def handler(event, context):\n    print({json.dumps(line)!r})\n    print({broken!r})\n")
    iam: Any = aws.iam
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    # A role that may not write logs publishes nothing.
    aws.functions.invoke(FunctionName=function)
    assert aws.cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == []
    iam.put_role_policy(RoleName=function, PolicyName="logs", PolicyDocument=policy)
    aws.functions.invoke(FunctionName=function)
    (metric,) = aws.cloudwatch.list_metrics(Namespace=namespace)["Metrics"]
    assert (metric["MetricName"], metric["Dimensions"]) == ("Value", [{"Name": "service", "Value": "s"}])
    points = aws.cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Value",
        Dimensions=metric["Dimensions"],
        StartTime=datetime.now(UTC) - timedelta(minutes=5),
        EndTime=datetime.now(UTC) + timedelta(minutes=5),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 4
