"""What one does in an incident, and what the engine was taught for it."""

import argparse
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from localstack.aws import Aws
from ops import alarms, incident, log_queries, queues, restore
from ops.alarms import AlarmError
from ops.incident import Account
from ops.log_queries import QueryError
from ops.queues import QueueError
from ops.restore import RestoreError
from tests.support.lambda_functions import make_function
from tooling.polling import poll

SECONDS = 20


def run(aws: Aws, outputs: dict[str, Any], *words: str) -> list[str]:
    """What a command prints."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    incident.add_commands(lambda name, text: commands.add_parser(name, help=text))
    return incident.run(parser.parse_args(words), Account(aws.client, outputs))


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
    """An alarm of ten seconds on more than nothing."""
    name = f"alarm-{uuid4().hex[:8]}"
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="Runbook: https://example.com/troubleshooting.md#x",
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        **settings,
    )
    return name


def on_queue(aws: Aws, queue: str, metric: str) -> str:
    """An alarm on a metric of a queue."""
    dimensions = [{"Name": "QueueName", "Value": queue}]
    return put_alarm(aws, Namespace="AWS/SQS", MetricName=metric, Dimensions=dimensions, Statistic="Maximum", Period=10)


class TestAlarms:
    def test_a_queue_rings_and_falls_silent(self, aws: Aws, queue: str) -> None:
        deep, old = [
            on_queue(aws, queue, metric)
            for metric in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
        ]
        outputs = {"alarm_names": [deep, old]}
        assert run(aws, outputs, "alarms")[-1] == "2 alarms, 0 ring"
        send(aws, queue, "x")
        poll("both ringing", lambda: run(aws, outputs, "alarms")[-1] == "2 alarms, 2 ring" or None, SECONDS)
        lines = run(aws, outputs, "alarms", "--alarm", deep)
        assert lines == [
            f"ALARM {deep} (1 against 0)",
            "  Runbook: https://example.com/troubleshooting.md#x",
            "1 alarms, 1 ring",
        ]
        with pytest.raises(AlarmError, match=f"after 1 s there still rings {deep}"):
            alarms.wait_until_quiet(aws.cloudwatch, [deep], 1)
        aws.sqs.purge_queue(QueueUrl=queues.url(aws.sqs, queue))
        assert run(aws, outputs, "alarms", "--wait", str(SECONDS))[-1] == "2 alarms, 0 ring"

    def test_an_alarm_that_is_none_is_named(self, aws: Aws) -> None:
        with pytest.raises(AlarmError, match="there is no alarm nothing"):
            alarms.alarms(aws.cloudwatch, ["nothing"])

    def test_what_is_filled_needs_no_data(self, aws: Aws) -> None:
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
        assert not alarms.alarms(aws.cloudwatch, [name])[0].rings
        aws.cloudwatch.put_metric_data(
            Namespace="AWS/DynamoDB",
            MetricData=[{"MetricName": "WriteThrottleEvents", "Dimensions": dimensions, "Value": 1}],
        )
        assert alarms.alarms(aws.cloudwatch, [name])[0].rings


class TestQueues:
    def test_a_dlq_is_shown_and_stays_and_shows_nothing_private(self, aws: Aws, queue: str) -> None:
        event = {
            "eventType": "OrderCreationRequested",
            "correlationId": "c-1",
            "payload": {"orderId": "o-1", "order": {"customerEmail": "thandi@acme.example"}},
        }
        ours, poison = send(aws, f"{queue}-dlq", json.dumps(event)), send(aws, f"{queue}-dlq", "thandi@acme.example")
        for _ in range(2):
            first, second, last = run(aws, {}, "dlq", "--queue", queue)
            assert first.startswith(ours)
            assert first.endswith("OrderCreationRequested order o-1 correlation c-1")
            assert second.startswith(poison)
            assert second.endswith("is no message of ours")
            assert "@" not in first + second
            assert last == f"2 messages in the DLQ of {queue}"

    def test_one_message_is_taken_out_and_kept(self, aws: Aws, queue: str, tmp_path: Path) -> None:
        poison, other = send(aws, f"{queue}-dlq", "poison"), send(aws, f"{queue}-dlq", "other")
        file = queues.drop(aws.sqs, queue, poison, tmp_path / "dropped")
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("poison", 0o600)
        assert [message.id for message in queues.dlq_messages(aws.sqs, queue)] == [other]
        with pytest.raises(QueueError, match=f"there is no message '{poison}'"):
            queues.drop(aws.sqs, queue, poison, tmp_path)

    def test_a_paused_queue_fills_and_a_resumed_one_empties(self, aws: Aws, queue: str) -> None:
        function = make_function("def handler(event, context):\n    pass\n")
        iam: Any = aws.iam
        allow = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName=function, PolicyName="queue", PolicyDocument=policy)
        arn = f"arn:aws:sqs:af-south-1:000000000000:{queue}"
        aws.functions.create_event_source_mapping(FunctionName=function, EventSourceArn=arn)
        outputs = {"queue_names": {"f": queue}, "dlq_names": {"f": f"{queue}-dlq"}}

        def shown() -> str:
            return run(aws, outputs, "queues")[0]

        assert run(aws, outputs, "pause", "--queue", queue) == [f"{queue} is left to fill"]
        send(aws, queue, "x")
        assert "1 waiting" in shown()
        assert "Disabl" in shown()
        assert run(aws, outputs, "resume", "--queue", queue) == [f"{queue} is taken from again"]
        poll("the message taken", lambda: ("0 waiting, 0 in work" in shown()) or None, SECONDS)
        assert "Enabl" in shown()

    def test_what_is_no_queue_is_named(self, aws: Aws, queue: str) -> None:
        with pytest.raises(QueueError, match="there is no queue 'nothing'"):
            queues.dlq_messages(aws.sqs, "nothing")
        with pytest.raises(QueueError, match="has no DLQ"):
            queues.dlq_messages(aws.sqs, f"{queue}-dlq")
        with pytest.raises(QueueError, match="nothing consumes"):
            queues.consume(aws.sqs, aws.functions, queue, enabled=False)


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

    def test_a_saved_query_finds_the_fields_of_json(self, aws: Aws, saved: tuple[str, str]) -> None:
        prefix, function = saved
        newest = {"level": "INFO", "message": "two", "order_id": "o-1x2"}
        assert log_queries.run(aws.logs, prefix, "all", "", 5)[0] == newest
        outputs = {"saved_queries": {f"{prefix}/all": ""}, "function_names": {"f": function}}
        words = ("query", "--name", "trace", "--text", "o-1.2", "--function", "f")
        assert run(aws, outputs, *words) == ["ERROR  one  o-1.2", "1 lines"]

    def test_a_query_says_what_it_needs(self, aws: Aws, saved: tuple[str, str]) -> None:
        prefix, function = saved
        with pytest.raises(QueryError, match="NAME is one of all, trace"):
            log_queries.run(aws.logs, prefix, "nothing", "", 5)
        for text in ("", "a/b", "a b", "x" * 65, "(a+)+"):
            with pytest.raises(QueryError, match="looks for an id"):
                log_queries.run(aws.logs, prefix, "trace", text, 5)
        outputs = {"saved_queries": {f"{prefix}/all": ""}, "function_names": {"f": function}}
        with pytest.raises(QueryError, match="FUNCTION is one of f"):
            run(aws, outputs, "query", "--name", "all", "--function", "g")

    def test_a_query_that_was_deleted_is_gone(self, aws: Aws, saved: tuple[str, str]) -> None:
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
        """What is in a table."""
        items = aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return {item["SK"]["S"].removeprefix("ORDER#"): item["total"]["N"] for item in items}

    @staticmethod
    def next_second() -> datetime:
        """The begin of the next second, once it is there."""
        begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        return poll("the next second", lambda: begin if datetime.now(UTC) > begin else None, SECONDS)

    def test_what_is_missing_comes_back_and_what_is_there_stays(self, aws: Aws, table: str) -> None:
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

        restored = restore.restore(aws.dynamodb, table, at)
        assert self.totals(aws, restored) == {"deleted": "1", "damaged": "1", "same": "1", "twice": "2"}
        done = restore.recover(aws.dynamodb, restored, None)
        assert sorted(done.put) == ["TENANT#t ORDER#deleted", "TENANT#t ORDER#twice"]
        assert done.left == ["TENANT#t ORDER#damaged"]
        assert self.totals(aws, table) == {"deleted": "1", "damaged": "9", "same": "1", "twice": "2", "new": "5"}
        assert restore.recover(aws.dynamodb, restored, "damaged").put == ["TENANT#t ORDER#damaged"]
        assert self.totals(aws, table)["damaged"] == "1"
        with pytest.raises(RestoreError, match="there is no order new"):
            restore.recover(aws.dynamodb, restored, "new")
        restore.discard(aws.dynamodb, restored)
        assert restored not in aws.dynamodb.list_tables()["TableNames"]

    def test_without_recovery_or_before_it_nothing_is_restored(self, aws: Aws, table: str) -> None:
        with pytest.raises(RestoreError, match="recovery is not enabled"):
            restore.restore(aws.dynamodb, table, datetime.now(UTC))
        aws.dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        with pytest.raises(RestoreError, match="out of the window"):
            restore.restore(aws.dynamodb, table, datetime.now(UTC) - timedelta(hours=1))

    def test_a_live_table_is_neither_source_nor_deleted(self, aws: Aws, table: str) -> None:
        for refused in (restore.discard, lambda client, name: restore.recover(client, name, None)):
            with pytest.raises(RestoreError, match="is not a restored table"):
                refused(aws.dynamodb, table)
        assert table in aws.dynamodb.list_tables()["TableNames"]

    @pytest.mark.parametrize("at", ["yesterday", "2026-11-24T10:00:00", ""])
    def test_a_moment_has_its_zone(self, aws: Aws, at: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            run(aws, {}, "restore", "--at", at)
        assert "is a moment with its zone" in capsys.readouterr().err


def test_the_metrics_in_a_log_line_are_published(aws: Aws) -> None:
    namespace = f"Test{uuid4().hex[:8]}"
    directive = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": [{"Name": "Value", "Unit": "None"}]}
    line = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "service": "s", "Value": [1.5, 2.5]}
    broken = json.dumps({"_aws": {"CloudWatchMetrics": "none"}})
    function = make_function(f"def handler(event, context):\n    print({json.dumps(line)!r})\n    print({broken!r})\n")
    iam: Any = aws.iam
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    # A role that may not log publishes nothing either.
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
