"""Alarms and log groups, as Terraform creates them and the tooling reads them."""

from __future__ import annotations

from typing import Any

from tests.conformance.engines import Clients
from tests.conformance.resources import Resources, code_of, unique


def test_alarm_is_described_as_put(aws: Clients, make: Resources) -> None:
    """An alarm is described with its metric, dimensions, threshold and treatment of missing data.

    Source: CloudWatch API Reference, "MetricAlarm"
    <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html>
    """
    wanted: dict[str, Any] = {
        "AlarmName": unique(),
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": unique()}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [make.arn("sns", unique())],
    }
    aws("cloudwatch").put_metric_alarm(**wanted)
    make.at_end(aws("cloudwatch").delete_alarms, AlarmNames=[wanted["AlarmName"]])
    (found,) = aws("cloudwatch").describe_alarms(AlarmNames=[wanted["AlarmName"]])["MetricAlarms"]
    assert {name: found.get(name) for name in wanted} == wanted


def test_metric_math_alarm_is_described_as_put(aws: Clients, make: Resources) -> None:
    """An alarm on an expression is described with its queries.

    Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics"
    <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
    """

    def query(name: str, metric: str) -> dict[str, Any]:
        of = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": []}
        return {"Id": name, "MetricStat": {"Metric": of, "Period": 300, "Stat": "Sum"}, "ReturnData": False}

    name = unique()
    queries = [
        {"Id": "rate", "Expression": "100 * errors / invocations", "ReturnData": True},
        query("errors", "Errors"),
        query("invocations", "Invocations"),
    ]
    aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=queries,
    )
    make.at_end(aws("cloudwatch").delete_alarms, AlarmNames=[name])
    (found,) = aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert sorted(query["Id"] for query in found["Metrics"]) == ["errors", "invocations", "rate"]
    (rate,) = [query for query in found["Metrics"] if query["Id"] == "rate"]
    assert (rate["Expression"], rate["ReturnData"]) == ("100 * errors / invocations", True)


def test_new_alarm_has_insufficient_data(aws: Clients, make: Resources) -> None:
    """A new alarm is in INSUFFICIENT_DATA, not in ALARM.

    Source: CloudWatch API Reference, "PutMetricAlarm"
    <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
    """
    name = unique()
    aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Conformance",
        MetricName=name,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    make.at_end(aws("cloudwatch").delete_alarms, AlarmNames=[name])
    (found,) = aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert found["StateValue"] == "INSUFFICIENT_DATA"


def test_log_group_has_its_retention(aws: Clients, make: Resources) -> None:
    """A log group is described with its retention; a number of days that AWS does not list is refused.

    Source: CloudWatch Logs API Reference, "PutRetentionPolicy"
    <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
    """
    logs, name = aws("logs"), f"/conformance/{unique()}"
    logs.create_log_group(logGroupName=name)
    make.at_end(logs.delete_log_group, logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=90)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert found["retentionInDays"] == 90
    code = code_of(lambda: logs.put_retention_policy(logGroupName=name, retentionInDays=91))
    assert code == "InvalidParameterException"
