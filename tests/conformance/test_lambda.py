"""Versions, aliases and event source mappings."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from tests.conformance.engines import Clients
from tests.conformance.resources import ALIAS, Queue, Resources, code_of, package, unique
from tooling.polling import poll

pytestmark = pytest.mark.needs("Lambda")

# A message is hidden this long after each of its two attempts: longer than a busy machine takes to start the function,
# since the message would be delivered again meanwhile.
_HIDDEN_SECONDS = 15
_DLQ_SECONDS = 3 * _HIDDEN_SECONDS

ECHO = "def handler(event, context):\n    return {'version': context.function_version, 'event': event}\n"
# Reports messages with "fail" in their body as failed.
PICKY = """
def handler(event, context):
    failed = [record["messageId"] for record in event["Records"] if "fail" in record["body"]]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
"""


# Logs as libraries do, with a logger that has no handler.
WARNING = """
import logging
def handler(event, context):
    logging.getLogger("library").warning("lost %s", event["what"])
    return context.aws_request_id
"""


def consuming(queue: Queue) -> dict[str, Any]:
    """The permissions that a function needs to receive a queue's messages."""
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
    return {"Action": actions, "Resource": queue.arn}


def invoke(aws: Clients, function: str, event: object = None, **options: Any) -> Any:
    """Call a function's alias."""
    return aws("lambda").invoke(
        FunctionName=function, Qualifier=ALIAS, Payload=json.dumps(event or {}).encode(), **options
    )


def test_unchanged_code_is_published_once(aws: Clients, make: Resources) -> None:
    """PublishVersion of unchanged code returns the existing version.

    Source: Lambda API Reference, "PublishVersion"
    <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
    """
    function = make.function(ECHO)
    assert make.publish(function) == "1"
    assert make.publish(function, ECHO + "# changed\n") == "2"


def test_alias_is_read_as_set(aws: Clients, make: Resources) -> None:
    """An alias has its own ARN and is read with its version and weights as set.

    Source: Lambda API Reference, "AliasConfiguration"
    <https://docs.aws.amazon.com/lambda/latest/api/API_AliasConfiguration.html>
    """
    function = make.function(ECHO)
    second = make.publish(function, ECHO + "# changed\n")
    routing = {"AdditionalVersionWeights": {second: 0.1}}
    aws("lambda").update_alias(FunctionName=function, Name=ALIAS, FunctionVersion="1", RoutingConfig=routing)
    found = aws("lambda").get_alias(FunctionName=function, Name=ALIAS)
    assert found["AliasArn"] == make.arn("lambda", f"function:{function}:{ALIAS}")
    assert (found["FunctionVersion"], found["RoutingConfig"]) == ("1", routing)


def test_alias_of_missing_version_is_refused(aws: Clients, make: Resources) -> None:
    """An alias of a missing version is refused with ResourceNotFoundException.

    Source: Lambda API Reference, "UpdateAlias", errors
    <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>
    """
    function = make.function(ECHO)
    update = {"FunctionName": function, "Name": ALIAS, "FunctionVersion": "7"}
    assert code_of(lambda: aws("lambda").update_alias(**update)) == "ResourceNotFoundException"


def test_code_update_with_old_revision_is_refused(aws: Clients, make: Resources) -> None:
    """UpdateFunctionCode with an old revision id is refused with PreconditionFailedException.

    Source: Lambda API Reference, "UpdateFunctionCode", RevisionId
    <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html>
    """
    function = make.function(ECHO)
    stale = aws("lambda").get_function_configuration(FunctionName=function)["RevisionId"]
    make.publish(function, ECHO + "# changed\n")
    change = {"FunctionName": function, "ZipFile": package(ECHO), "RevisionId": stale}
    assert code_of(lambda: aws("lambda").update_function_code(**change)) == "PreconditionFailedException"


def test_missing_function_is_refused(aws: Clients) -> None:
    """A call of a missing function is refused with ResourceNotFoundException.

    Source: Lambda API Reference, "GetFunction", errors
    <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>
    """
    assert code_of(lambda: aws("lambda").get_function(FunctionName=unique())) == "ResourceNotFoundException"


def test_code_has_its_digest(aws: Clients, make: Resources) -> None:
    """CodeSha256 is the SHA-256 of the package, in base64.

    Source: Lambda API Reference, "FunctionConfiguration", CodeSha256
    <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>
    """
    function = make.function(ECHO)
    content = package(ECHO + "# changed\n")
    response = aws("lambda").update_function_code(FunctionName=function, ZipFile=content)
    assert response["CodeSha256"] == base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_statement_id_is_unique(aws: Clients, make: Resources) -> None:
    """AddPermission with an existing statement id is refused with ResourceConflictException.

    Source: Lambda API Reference, "AddPermission", errors
    <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>
    """
    function = make.function(ECHO)
    grant = {
        "FunctionName": function,
        "Qualifier": ALIAS,
        "StatementId": "api",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    aws("lambda").add_permission(**grant)
    assert code_of(lambda: aws("lambda").add_permission(**grant)) == "ResourceConflictException"


def test_mapping_is_read_as_set(aws: Clients, make: Resources) -> None:
    """An event source mapping is read with its alias, batch size, response type and concurrency.

    Source: Lambda API Reference, "CreateEventSourceMapping"
    <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
    """
    queue = make.queue()
    function = make.function(ECHO, consuming(queue))
    made = make.mapping(
        queue,
        function,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 5},
    )
    found = aws("lambda").get_event_source_mapping(UUID=made["UUID"])
    assert found["FunctionArn"] == make.arn("lambda", f"function:{function}:{ALIAS}")
    assert (found["EventSourceArn"], found["BatchSize"]) == (queue.arn, 10)
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert found["ScalingConfig"] == {"MaximumConcurrency": 5}


def test_second_mapping_of_a_queue_is_refused(aws: Clients, make: Resources) -> None:
    """A second mapping of a queue to the same function is refused with ResourceConflictException.

    Source: Lambda API Reference, "CreateEventSourceMapping", errors
    <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
    """
    queue = make.queue()
    function = make.function(ECHO, consuming(queue))
    make.mapping(queue, function)
    assert code_of(lambda: make.mapping(queue, function)) == "ResourceConflictException"


def test_mapping_of_short_visibility_is_refused(aws: Clients, make: Resources) -> None:
    """A mapping of a queue whose visibility timeout is shorter than the function's timeout is refused.

    Source: Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping"
    <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
    """
    queue = make.queue(VisibilityTimeout="4")
    function = make.function(ECHO, consuming(queue))
    assert code_of(lambda: make.mapping(queue, function)) == "InvalidParameterValueException"


@pytest.mark.needs("invocations")
def test_alias_runs_its_version(aws: Clients, make: Resources) -> None:
    """A call of an alias runs the alias's version and names it.

    Source: Lambda API Reference, "Invoke", X-Amz-Executed-Version
    <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    """
    function = make.function(ECHO)
    make.publish(function, "def handler(event, context):\n    return 'changed'\n")
    response = invoke(aws, function, {"a": 1})
    assert (response["StatusCode"], response["ExecutedVersion"]) == (200, "1")
    assert json.load(response["Payload"]) == {"version": "1", "event": {"a": 1}}


@pytest.mark.needs("invocations")
def test_function_error_is_returned(aws: Clients, make: Resources) -> None:
    """A function that raises returns 200 with FunctionError Unhandled, errorType and errorMessage.

    Source: Lambda API Reference, "Invoke", FunctionError
    <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    """
    function = make.function("def handler(event, context):\n    raise ValueError('no such order')\n")
    response = invoke(aws, function)
    payload = json.load(response["Payload"])
    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no such order")


@pytest.mark.needs("invocations")
def test_large_response_is_refused(aws: Clients, make: Resources) -> None:
    """A response above 6 MB (6,291,556 bytes) gives FunctionError Unhandled, Function.ResponseSizeTooLarge.

    Source: Lambda Developer Guide, "Lambda quotas", invocation payload
    <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    """
    function = make.function("def handler(event, context):\n    return event['letter'] * event['times']\n")
    # Two bytes are the quotation marks. The second letter has two bytes.
    for letter, largest in (("a", 6_291_554), ("é", 3_145_777)):
        assert "FunctionError" not in invoke(aws, function, {"letter": letter, "times": largest})
        response = invoke(aws, function, {"letter": letter, "times": largest + 1})
        assert response["FunctionError"] == "Unhandled"
        assert json.load(response["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.needs("invocations")
def test_function_is_stopped_at_its_timeout(aws: Clients, make: Resources) -> None:
    """A function that exceeds its timeout is stopped, with FunctionError Unhandled and `Task timed out`.

    Source: Lambda Developer Guide, "Configure Lambda function timeout"
    <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
    """
    function = make.function("import threading\n\ndef handler(event, context):\n    threading.Event().wait(20)\n")
    response = invoke(aws, function)
    assert response["FunctionError"] == "Unhandled"
    assert "Task timed out after 5.00 seconds" in json.load(response["Payload"])["errorMessage"]


@pytest.mark.needs("invocations")
def test_only_failed_messages_are_redelivered(aws: Clients, make: Resources) -> None:
    """Of a batch, the messages that the function reports are redelivered and then go to the DLQ; others are deleted.

    Source: Lambda Developer Guide, "Implementing partial batch responses"
    <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
    """
    dlq = make.queue()
    redrive = json.dumps({"deadLetterTargetArn": dlq.arn, "maxReceiveCount": 2})
    queue = make.queue(VisibilityTimeout=str(_HIDDEN_SECONDS), RedrivePolicy=redrive)
    function = make.function(PICKY, consuming(queue), seconds=_HIDDEN_SECONDS)
    warm(aws, function)
    make.mapping(queue, function, FunctionResponseTypes=["ReportBatchItemFailures"])
    for body in ("good", "fail", "also good"):
        aws("sqs").send_message(QueueUrl=queue.url, MessageBody=body)
    assert poll("the failed message in the DLQ", lambda: bodies(aws, dlq), _DLQ_SECONDS) == ["fail"]
    poll("an empty queue", lambda: left(aws, queue) == 0 or None, _DLQ_SECONDS)


@pytest.mark.needs("invocations")
def test_invalid_batch_response_fails_the_batch(aws: Clients, make: Resources) -> None:
    """A partial batch response that names a message outside of the batch fails the whole batch.

    Source: Lambda Developer Guide, "Implementing partial batch responses"
    <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
    """
    dlq = make.queue()
    redrive = json.dumps({"deadLetterTargetArn": dlq.arn, "maxReceiveCount": 1})
    queue = make.queue(VisibilityTimeout=str(_HIDDEN_SECONDS), RedrivePolicy=redrive)
    bad = "def handler(event, context):\n    return {'batchItemFailures': [{'itemIdentifier': 'not one of them'}]}\n"
    function = make.function(bad, consuming(queue), seconds=_HIDDEN_SECONDS)
    # A cold start that times out would fail the batch too.
    warm(aws, function)
    make.mapping(queue, function, FunctionResponseTypes=["ReportBatchItemFailures"])
    aws("sqs").send_message(QueueUrl=queue.url, MessageBody="order")
    assert poll("the message in the DLQ", lambda: bodies(aws, dlq), _DLQ_SECONDS) == ["order"]


def warm(aws: Clients, function: str) -> None:
    """Call a function until it responds in time, so that a cold start does not delay a message."""
    empty: dict[str, list[object]] = {"Records": []}
    poll(f"{function} is warm", lambda: ("FunctionError" not in invoke(aws, function, empty)) or None, 60)


def bodies(aws: Clients, queue: Queue) -> list[str] | None:
    """The bodies of the waiting messages."""
    found = aws("sqs").receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    return [message["Body"] for message in found.get("Messages", [])] or None


def left(aws: Clients, queue: Queue) -> int:
    """The number of messages in a queue, waiting and hidden."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


@pytest.mark.needs("invocations")
def test_library_log_has_level_time_and_request(aws: Clients, make: Resources) -> None:
    """What a library logs is in the function's log, with level, time and request id.

    Source: Lambda Developer Guide, "Log and monitor Python Lambda functions"
    <https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html>
    """
    called = invoke(aws, make.function(WARNING), {"what": "key"}, LogType="Tail")
    request_id = json.load(called["Payload"])
    log = base64.b64decode(called["LogResult"]).decode()
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.search(rf"^\[WARNING\]\t{time}\t{request_id}\tlost key$", log, re.MULTILINE), log
