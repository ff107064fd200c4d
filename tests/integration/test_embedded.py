"""Patches of localstack/ministack_patches/ that the conformance suite does not cover."""

import json
import os
import statistics
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from localstack.aws import Aws
from localstack.engines.ministack import harness
from localstack.stack import ACCOUNT, REGION, Stack
from release import traffic
from tests.support.lambda_functions import api_of, make_function, publish, ratio
from tests.support.user_pools import sign_in_new_user
from tooling.machine import ENGINE_VENV
from tooling.paths import ROOT
from tooling.polling import poll

SENDER = "noreply@kimmyai.io"


def policy(**statement: Any) -> str:
    """A policy with one statement that allows."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def client_of(policy_document: str, service: str, endpoint: str) -> Any:
    """A client with the permissions of one policy."""
    iam: Any = boto3.client("iam")
    name = f"user-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy_document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        region_name=REGION,
    )


@pytest.mark.parametrize(
    ("identity", "address", "allowed"),
    [
        ("kimmyai.io", SENDER, True),
        ("kimmyai.io", "ceo@kimmyai.io", False),
        ("example.com", SENDER, False),
    ],
    ids=["granted", "other sender", "other identity"],
)
def test_ses_sender_or_identity_not_granted_is_denied(
    aws: Aws, stack: Stack, identity: str, address: str, allowed: bool
) -> None:
    """Mail can be sent only from the granted address and identity."""
    grant = policy(
        Action="ses:SendRawEmail",
        Resource=f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{identity}",
        Condition={"StringEquals": {"ses:FromAddress": address}},
    )
    ses = client_of(grant, "ses", stack.endpoint)
    mail = {"Data": f"From: Orders <{SENDER}>\nTo: a@example.com\nSubject: x\n\nx".encode()}
    if allowed:
        assert ses.send_raw_email(Source=SENDER, Destinations=["a@example.com"], RawMessage=mail)["MessageId"]
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            ses.send_raw_email(Source=SENDER, Destinations=["a@example.com"], RawMessage=mail)


def test_lines_of_a_mail_are_no_headers(aws: Aws, stack: Stack) -> None:
    """Only headers say who sends a mail and with which configuration set; the engine records its decoded subject."""
    head = f"From: {SENDER}\r\nTo: a@example.com\r\nSubject: =?utf-8?q?R=C3=A9sum=C3=A9?=\r\n\r\n"
    mail = f"{head}X-SES-CONFIGURATION-SET: missing\r\nFrom: other@example.com\r\n"
    sent = aws.ses.send_raw_email(RawMessage={"Data": mail.encode()})["MessageId"]
    records = requests.get(f"{stack.endpoint}/_ministack/ses/messages", timeout=10).json()["messages"][ACCOUNT]
    record = next(each for each in records if each["MessageId"].startswith(sent))
    assert (record["Source"], record["To"], record["Subject"]) == (SENDER, ["a@example.com"], "Résumé")


def test_condition_key_that_action_lacks_never_holds(stack: Stack) -> None:
    """A statement with a condition on `iam:PermissionsBoundary` allows a change of a role, and not its deletion."""
    administrator: Any = boto3.client("iam")
    role, boundary = f"role-{uuid4().hex[:8]}", "arn:aws:iam::aws:policy/ReadOnlyAccess"
    trust = policy(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    administrator.create_role(RoleName=role, AssumeRolePolicyDocument=trust, PermissionsBoundary=boundary)
    bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    grant = policy(Action=["iam:DeleteRole", "iam:*RolePolicy"], Resource="*", Condition=bounded)
    iam = client_of(grant, "iam", stack.endpoint)
    iam.put_role_policy(RoleName=role, PolicyName="one", PolicyDocument=policy(Action="s3:GetObject", Resource="*"))
    iam.delete_role_policy(RoleName=role, PolicyName="one")
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.delete_role(RoleName=role)


def test_alias_routes_by_weight(aws: Aws, stack: Stack) -> None:
    """An alias routes the weighted share of its traffic to the other version."""
    function = make_function("def handler(event, context):\n    return {'statusCode': 201}\n")
    publish(aws, function, "def handler(event, context):\n    return {'statusCode': 202}\n")
    url = api_of(function, stack)

    def seen(weight: float) -> set[int]:
        weights = {"2": weight} if weight else {}
        aws.functions.update_alias(
            FunctionName=function,
            Name=traffic.ALIAS,
            FunctionVersion="1",
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
        return {requests.get(url, timeout=30).status_code for _ in range(40)}

    # At 50 %, forty calls to one version alone are a chance of 1 in 5 × 10^11.
    assert [seen(0), seen(0.5), seen(1)] == [{201}, {201, 202}, {202}]


def test_api_of_other_account_is_called_by_url(aws: Aws, stack: Stack) -> None:
    """An API of another account is called by its URL alone."""
    account = "536580886816"
    source = "def handler(event, context):\n    return {'statusCode': 201}\n"
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test")
    function = make_function(source, session)
    assert requests.get(api_of(function, stack, account), timeout=30).status_code == 201


def test_lost_region_responds_503(aws: Aws, stack: Stack) -> None:
    """A lost region responds with 503 until it is back; others keep working."""
    once = Config(retries={"total_max_attempts": 1})
    here, there = (boto3.client("sqs", region_name=name, config=once) for name in ("af-south-1", "eu-west-1"))
    stack.lost_file.write_text("af-south-1")
    try:
        with pytest.raises(ClientError, match="503"):
            here.list_queues()
        there.list_queues()
    finally:
        stack.lost_file.unlink()
    here.list_queues()


def test_alarm_of_failing_function_only(aws: Aws) -> None:
    """The error-rate alarm is in ALARM above its threshold, and only for the failing function."""
    source = "def handler(event, context):\n    return 1 / event['divisor']\n"
    failing, healthy = make_function(source), make_function(source)
    for function in (failing, healthy):
        aws.cloudwatch.put_metric_alarm(**ratio(function))

    def states() -> list[str]:
        alarms = [aws.cloudwatch.describe_alarms(AlarmNames=[f"{name}-errors"]) for name in (failing, healthy)]
        return [alarm["MetricAlarms"][0]["StateValue"] for alarm in alarms]

    def call(function: str, divisor: int, times: int) -> None:
        for _ in range(times):
            aws.functions.invoke(FunctionName=function, Payload=json.dumps({"divisor": divisor}))

    assert states() == ["OK", "OK"], "missing data is not breaching"
    call(failing, 1, 19)
    call(healthy, 1, 1)
    assert states() == ["OK", "OK"]
    call(failing, 0, 1)
    assert states() == ["OK", "OK"], "one of twenty is 5 %, and not more"
    call(failing, 0, 1)
    assert states() == ["ALARM", "OK"]


def total(aws: Aws, metric: str, **dimensions: str) -> float:
    """Sum of a metric of Lambda in the last minutes."""
    now = datetime.now(UTC)
    points = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def test_metrics_count_api_calls_once(aws: Aws, stack: Stack) -> None:
    """A call by API Gateway counts as one invocation and one error."""
    function = make_function("def handler(event, context):\n    raise RuntimeError\n")
    url = api_of(function, stack)
    assert [requests.get(url, timeout=30).status_code for _ in range(3)] == [502] * 3
    aws.functions.invoke(FunctionName=function)
    assert [total(aws, metric, FunctionName=function) for metric in ("Invocations", "Errors")] == [4, 4]


@pytest.mark.parametrize("status", [None, "503"])
def test_failed_function_has_gateway_response(stack: Stack, status: str | None) -> None:
    """A function that fails gets the gateway response DEFAULT_5XX, with status 502 unless it has another."""
    url = api_of(make_function("def handler(event, context):\n    raise RuntimeError\n"), stack)
    gateway: Any = boto3.client("apigateway")
    gateway.put_gateway_response(
        restApiId=url.split("/")[-3],
        responseType="DEFAULT_5XX",
        responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
        responseTemplates={"application/json": '{"detail": "failed"}'},
        **({"statusCode": status} if status else {}),
    )
    gateway.create_deployment(restApiId=url.split("/")[-3], stageName="test")
    response = requests.get(url, timeout=30)
    assert (response.status_code, response.json()) == (int(status or 502), {"detail": "failed"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_mock_renders_its_mapping_template(stack: Stack) -> None:
    """The response template of a mock reads the request's parameters and can set headers."""
    gateway: Any = boto3.client("apigateway")
    api = gateway.create_rest_api(name=f"mock-{uuid4().hex[:8]}")
    at = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**at, authorizationType="NONE")
    gateway.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**at, statusCode="200")
    template = """
        #set($name = $input.params("name"))
        #if($name.matches("[a-z]+")) #set($context.responseOverride.header.X-Name = $name) #end
        {"name": "$name"}
    """
    gateway.put_integration_response(**at, statusCode="200", responseTemplates={"application/json": template})
    gateway.create_deployment(restApiId=api["id"], stageName="test")
    url = f"{stack.endpoint}/_aws/execute-api/{api['id']}/test/"
    found = {name: requests.get(url, params={"name": name}, timeout=30) for name in ("rooibos", "rooibos1")}
    assert {name: response.json()["name"] for name, response in found.items()} == {name: name for name in found}
    assert [response.headers.get("X-Name") for response in found.values()] == ["rooibos", None]


def test_metrics_count_calls_of_alias_by_version(aws: Aws, stack: Stack) -> None:
    """Calls of an alias count for the version that ran; a version that is called by its number does not count there."""
    function = make_function("def handler(event, context):\n    return {'statusCode': 200}\n")
    url = api_of(function, stack)
    assert requests.get(url, timeout=30).status_code == 200
    aws.functions.invoke(FunctionName=function, Qualifier=traffic.ALIAS)
    publish(aws, function, "def handler(event, context):\n    raise RuntimeError\n")
    aws.functions.invoke(FunctionName=function, Qualifier="2")
    aws.functions.update_alias(
        FunctionName=function, Name=traffic.ALIAS, RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}}
    )
    assert [requests.get(url, timeout=30).status_code for _ in range(3)] == [502] * 3

    def of(version: str) -> list[float]:
        dimensions = {"FunctionName": function, "Resource": f"{function}:live", "ExecutedVersion": version}
        return [total(aws, metric, **dimensions) for metric in ("Invocations", "Errors")]

    assert [of("1"), of("2")] == [[2, 0], [3, 3]]


def test_alarm_is_described_as_put(aws: Aws) -> None:
    """An alarm on metric math is described as it was put."""
    wanted = ratio(f"function-{uuid4().hex[:8]}")
    aws.cloudwatch.put_metric_alarm(**wanted)
    (found,) = aws.cloudwatch.describe_alarms(AlarmNames=[wanted["AlarmName"]])["MetricAlarms"]
    assert {name: found[name] for name in wanted} == wanted  # type: ignore[literal-required]
    assert "MetricName" not in found


def test_sign_in_finds_account_of_pool(aws: Aws) -> None:
    """A user signs in to a pool of another account."""
    client: Any = boto3.client("cognito-idp", aws_access_key_id="536580886816", aws_secret_access_key="test")
    assert sign_in_new_user(client).tokens["IdToken"]


def test_recovery_period_is_described_as_put(aws: Aws) -> None:
    """The recovery period of a table is described as it was set."""
    name = f"table-{uuid4().hex[:8]}"
    aws.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )

    def described() -> tuple[str, int | None]:
        found = aws.dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = found["PointInTimeRecoveryDescription"]
        return recovery["PointInTimeRecoveryStatus"], recovery.get("RecoveryPeriodInDays")

    assert described() == ("DISABLED", None)
    aws.dynamodb.update_continuous_backups(
        TableName=name,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7},
    )
    assert described() == ("ENABLED", 7)


def test_lambda_needs_permissions_of_role(aws: Aws, stack: Stack) -> None:
    """Lambda receives messages and writes logs only if the function's role may."""
    iam: Any = boto3.client("iam")
    function = make_function("def handler(event, context):\n    print('seen')\n")
    queue = aws.sqs.create_queue(QueueName=function)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{function}"
    aws.functions.create_event_source_mapping(FunctionName=f"{function}:{traffic.ALIAS}", EventSourceArn=arn)
    aws.sqs.send_message(QueueUrl=queue, MessageBody="x")

    def decided(action: str) -> set[bool]:
        # The first decision makes the file.
        text = stack.decisions_file.read_text() if stack.decisions_file.exists() else ""
        decisions = [json.loads(line) for line in text.splitlines()]
        return {made["allowed"] for made in decisions if (made["role"], made["action"]) == (function, action)}

    def waiting() -> list[str]:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return list(aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"].values())

    def logged() -> bool:
        groups = aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]
        pages = [aws.logs.filter_log_events(logGroupName=group["logGroupName"]) for group in groups]
        return any(event["message"] == "seen" for page in pages for event in page["events"])

    poll("the mapping refused", lambda: decided("sqs:ReceiveMessage") == {False} or None, 10)
    assert waiting() == ["1", "0"]
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    iam.put_role_policy(RoleName=function, PolicyName="queue", PolicyDocument=policy(Action=actions, Resource=arn))
    poll("the message taken", lambda: waiting() == ["0", "0"] or None, 10)
    assert not logged()
    assert decided("logs:CreateLogStream") == {False}

    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function}:*"
    grant = policy(Action=["logs:CreateLogStream", "logs:PutLogEvents"], Resource=group)
    iam.put_role_policy(RoleName=function, PolicyName="logs", PolicyDocument=grant)
    aws.functions.invoke(FunctionName=function)
    assert logged()
    assert decided("logs:CreateLogStream") == {False, True}


BATCHES = """
import os
import time

def handler(event, context):
    # As many as may will run at the same time.
    time.sleep(0.2)
    print("ran", os.getpid(), os.nice(0))
"""


def test_batches_leave_processors_to_requests(aws: Aws) -> None:
    """A queue has one batch more at a time than there are processors, in processes that let requests go first."""
    function = make_function(BATCHES)
    queue = aws.sqs.create_queue(QueueName=function)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{function}"
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function}"
    receive = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    iam: Any = boto3.client("iam")
    for actions, resource in ((receive, arn), (["logs:CreateLogStream", "logs:PutLogEvents"], f"{group}:*")):
        document = policy(Action=actions, Resource=resource)
        iam.put_role_policy(RoleName=function, PolicyName=actions[0].partition(":")[0], PolicyDocument=document)
    aws.logs.create_log_group(logGroupName=f"/aws/lambda/{function}")
    at_once = (os.cpu_count() or 1) + 1
    messages = 5 * at_once
    for _ in range(messages):
        aws.sqs.send_message(QueueUrl=queue, MessageBody="x")
    target = f"{function}:{traffic.ALIAS}"
    aws.functions.create_event_source_mapping(FunctionName=target, EventSourceArn=arn, BatchSize=1)

    def lines() -> list[list[str]] | None:
        found = aws.logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern="ran")["events"]
        return [event["message"].split() for event in found] if len(found) == messages else None

    ran = poll("all messages taken", lines, 60)
    assert len({process for _, process, _ in ran}) <= at_once
    # The engine has the priority of this process; the first call of a process starts it.
    lower = str(min(os.nice(0) + 5, 19))
    assert Counter(nice for *_, nice in ran)[lower] >= messages - at_once


LOGGING = """
def handler(event, context):
    for n in range(event["lines"]):
        print(event["name"], n)
    print(event["name"], "ends without a line break", end="")
"""


def test_log_of_call_is_complete(aws: Aws) -> None:
    """A call's log has all of its lines and none of another call."""
    function = make_function(LOGGING)

    def logged(name: str, lines: int) -> list[str]:
        before = len(messages())
        aws.functions.invoke(FunctionName=function, Payload=json.dumps({"name": name, "lines": lines}))
        return messages()[before:]

    def messages() -> list[str]:
        group = f"/aws/lambda/{function}"
        if not aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        pages = aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function}:*"
    grant = policy(Action=["logs:CreateLogStream", "logs:PutLogEvents"], Resource=group)
    aws.iam.put_role_policy(RoleName=function, PolicyName="logs", PolicyDocument=grant)
    for name, lines in (("a", 1), ("b", 0), ("c", 3_000), ("d", 1)):
        start, *found, end, report = logged(name, lines)
        assert found == [*(f"{name} {n}" for n in range(lines)), f"{name} ends without a line break"]
        assert (start[:5], end[:3], report[:6]) == ("START", "END", "REPORT")


def test_calls_of_a_version_share_a_stream(aws: Aws) -> None:
    """The calls of a version are logged to one stream; another version has its own."""
    function = make_function("def handler(event, context):\n    print(event)\n")
    grant = policy(Action=["logs:CreateLogStream", "logs:PutLogEvents"], Resource="*")
    aws.iam.put_role_policy(RoleName=function, PolicyName="logs", PolicyDocument=grant)
    for qualifier in ("$LATEST", "$LATEST", "1", "$LATEST"):
        aws.functions.invoke(FunctionName=function, Qualifier=qualifier, Payload=b"{}")
    streams = aws.logs.describe_log_streams(logGroupName=f"/aws/lambda/{function}")["logStreams"]
    assert sorted(stream["logStreamName"][10:].partition("]")[0] for stream in streams) == ["/[$LATEST", "/[1"]


def test_late_events_are_returned_in_order(aws: Aws) -> None:
    """Events are in order of their time, however late they are put, and found by time."""
    group, now = f"late-{uuid4().hex[:8]}", int(datetime.now(UTC).timestamp() * 1_000)
    aws.logs.create_log_group(logGroupName=group)
    aws.logs.create_log_stream(logGroupName=group, logStreamName="s")

    def put(times: list[int]) -> None:
        events: Any = [{"timestamp": now + at, "message": str(at)} for at in times]
        aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    put([*range(0, 2_000, 2)])
    put([1_997, 1_995])
    put([1, 2_000])
    found = aws.logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)["events"]
    assert [int(event["message"]) for event in found] == sorted([*range(0, 2_000, 2), 1_997, 1_995, 1, 2_000])
    newest = aws.logs.filter_log_events(logGroupName=group, startTime=now + 1_996)["events"]
    assert [event["message"] for event in newest] == ["1996", "1997", "1998", "2000"]


def test_equal_values_of_a_metric_are_all_counted(aws: Aws) -> None:
    """Each value counts in sum, number and percentile, however many are equal."""
    function = make_function("def handler(event, context):\n    if event['fails']:\n        raise RuntimeError\n")
    for fails in (0, 1, 0, 0):
        aws.functions.invoke(FunctionName=function, Payload=json.dumps({"fails": fails}))
    now = datetime.now(UTC)
    (point,) = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"],
        ExtendedStatistics=["p50"],
    )["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["Maximum"]) == (1, 4, 1)
    assert point["ExtendedStatistics"]["p50"] == 0


def test_stored_data_are_measured(aws: Aws, stack: Stack) -> None:
    """The engine reports what items and objects take of its memory; the bodies of objects are on disk."""
    before, name = harness(stack, "stored", method="GET"), f"stored-{uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    bodies = [b"x" * 1_000_000, b"y" * 1_000_000]
    versions = [aws.s3.put_object(Bucket=name, Key="invoice", Body=body)["VersionId"] for body in bodies]
    aws.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    for number in range(100):
        aws.dynamodb.put_item(TableName=name, Item={"id": {"S": str(number)}, "text": {"S": f"{number:0>1000}"}})
    after = harness(stack, "stored", method="GET")
    assert after["dynamodb"] - before["dynamodb"] > 100 * 1_000
    assert 0 < after["s3"] - before["s3"] < 100_000

    def body(version: str | None = None) -> bytes:
        chosen: Any = {"VersionId": version} if version else {}
        return aws.s3.get_object(Bucket=name, Key="invoice", **chosen)["Body"].read()

    assert [body(version) for version in versions] == bodies
    assert body() == bodies[1]
    marker = aws.s3.delete_object(Bucket=name, Key="invoice")["VersionId"]
    assert [body(version) for version in versions] == bodies
    aws.s3.delete_object(Bucket=name, Key="invoice", VersionId=marker)
    assert body() == bodies[1]
    aws.s3.delete_object(Bucket=name, Key="invoice", VersionId=versions[1])
    assert body() == bodies[0]


def test_silent_call_is_as_fast(aws: Aws) -> None:
    """A call without log lines takes no longer than one with a line."""
    silent, talking = (make_function(f"def handler(event, context):\n    {body}\n") for body in ("pass", "print('x')"))

    def seconds(function: str) -> float:
        began = time.perf_counter()
        aws.functions.invoke(FunctionName=function)
        return time.perf_counter() - began

    both = [(seconds(silent), seconds(talking)) for _ in range(30)]
    of_silent, of_talking = (statistics.median(times) for times in zip(*both, strict=True))
    # Five times as long if the engine waits for more lines.
    assert of_silent < 2 * of_talking


def indexed_table(aws: Aws) -> str:
    """Name of a table with an index by time."""
    name = f"table-{uuid4().hex[:8]}"
    aws.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("id", "owner", "time")],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "ByTime",
                "KeySchema": [
                    {"AttributeName": "owner", "KeyType": "HASH"},
                    {"AttributeName": "time", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return name


def owned(owner: str, number: int, at: int) -> dict[str, Any]:
    """An item of an owner."""
    return {"id": {"S": f"{owner}-{number:05d}"}, "owner": {"S": owner}, "time": {"S": f"{at:05d}"}}


def pages_of(aws: Aws, table: str, owner: str, bounds: tuple[int, int], limit: int, forward: bool) -> list[list[str]]:
    """Ids that a query of the index returns, page by page."""
    request: dict[str, Any] = {
        "TableName": table,
        "IndexName": "ByTime",
        "KeyConditionExpression": "#owner = :owner AND #time BETWEEN :from AND :to",
        "ExpressionAttributeNames": {"#owner": "owner", "#time": "time"},
        "ExpressionAttributeValues": {
            ":owner": {"S": owner},
            ":from": {"S": f"{bounds[0]:05d}"},
            ":to": {"S": f"{bounds[1]:05d}"},
        },
        "ScanIndexForward": forward,
        "Limit": limit,
    }
    pages = []
    while True:
        response = aws.dynamodb.query(**request)
        pages.append([item["id"]["S"] for item in response["Items"]])
        if "LastEvaluatedKey" not in response:
            return pages
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]


def test_index_query_follows_writes(aws: Aws) -> None:
    """Queries of an index reflect put, changed and deleted items, page by page."""
    table = indexed_table(aws)

    def put(number: int, at: int) -> None:
        aws.dynamodb.put_item(TableName=table, Item=owned("a", number, at))

    def ids(*numbers: int) -> list[str]:
        return [f"a-{number:05d}" for number in numbers]

    # Items of the same time are sorted by id.
    for number, at in ((1, 10), (2, 30), (3, 20), (4, 20), (5, 40)):
        put(number, at)
    assert pages_of(aws, table, "a", (10, 30), 2, forward=True) == [ids(1, 3), ids(4, 2), []]
    assert pages_of(aws, table, "a", (0, 99), 3, forward=False) == [ids(5, 2, 4), ids(3, 1)]
    assert pages_of(aws, table, "b", (0, 99), 3, forward=True) == [[]]
    put(1, 35)
    put(6, 5)
    aws.dynamodb.delete_item(TableName=table, Key={"id": {"S": "a-00004"}})
    aws.dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": "a-00005"}},
        UpdateExpression="SET #time = :time",
        ExpressionAttributeNames={"#time": "time"},
        ExpressionAttributeValues={":time": {"S": "00001"}},
    )
    aws.dynamodb.put_item(TableName=table, Item=owned("b", 1, 10))
    assert pages_of(aws, table, "a", (0, 99), 10, forward=True) == [ids(5, 6, 3, 2, 1)]
    assert pages_of(aws, table, "b", (0, 99), 10, forward=False) == [["b-00001"]]


def test_index_query_time_is_independent_of_size(aws: Aws) -> None:
    """A page of an index takes as long among 5,000 items as among 50."""
    table = indexed_table(aws)
    for owner, count in (("few", 50), ("many", 5_000)):
        for first in range(0, count, 25):
            puts: Any = [{"PutRequest": {"Item": owned(owner, n, n)}} for n in range(first, first + 25)]
            aws.dynamodb.batch_write_item(RequestItems={table: puts})

    def seconds(owner: str) -> float:
        began = time.perf_counter()
        aws.dynamodb.query(
            TableName=table,
            IndexName="ByTime",
            KeyConditionExpression="#owner = :owner AND #time BETWEEN :from AND :to",
            ExpressionAttributeNames={"#owner": "owner", "#time": "time"},
            ExpressionAttributeValues={":owner": {"S": owner}, ":from": {"S": "0"}, ":to": {"S": "9"}},
            ScanIndexForward=False,
            Limit=10,
        )
        return time.perf_counter() - began

    both = [(seconds("few"), seconds("many")) for _ in range(20)]
    of_few, of_many = (statistics.median(times) for times in zip(*both, strict=True))
    # Thirty times as long if the engine sorts all items.
    assert of_many < 3 * of_few


# Runs in the engine's virtual environment.
_PARSE_A_MAIL = """
import base64
from ministack.services import ses
from localstack.ministack_patches import patching, ses as patches
patching.apply()
mail = base64.b64encode(b"From: a@kimmyai.io\\r\\nSubject: Your order\\r\\n\\r\\nThank you")
print(type(ses._parse_raw_mime(mail)["Subject"]).__name__)
"""


def test_kept_mails_have_no_parsed_headers(tmp_path: Path) -> None:
    """The engine keeps the subject of a mail as text: a header with its parsed form takes 8 KB."""
    python = ENGINE_VENV / "bin" / "python"
    environment = {**os.environ, "MAIL_DIR": str(tmp_path)}
    printed = subprocess.run(
        [python, "-c", _PARSE_A_MAIL], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert printed.stdout == "str\n", printed.stderr
