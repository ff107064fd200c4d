"""The fault proxy between a process of a function and the engine: what the process sees, and what took effect."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from localstack import processes
from localstack.aws import Aws
from localstack.faults.control import Control
from localstack.faults.plan import Fault, KillPoint, Outage, Plan
from localstack.stack import Stack
from tooling.paths import ROOT
from tooling.polling import poll

# A function that sends a mail, and is gone before it notes that.
_NOTIFIER = """
import boto3
message = "From: a@kimmyai.io\\nTo: b@acme.example\\nX-Correlation-Id: c-1\\n\\ntext"
boto3.client("ses").send_raw_email(RawMessage={"Data": message.encode()})
"""
# A function that sends one message, tries once, and says what came of it.
_FUNCTION = """
import sys, boto3
from botocore.config import Config
config = Config(retries={"total_max_attempts": 1}, read_timeout=2)
try:
    boto3.client("sqs", config=config).send_message(QueueUrl=sys.argv[1], MessageBody=sys.argv[2])
    print("sent")
except Exception as error:
    print(error.response["Error"]["Code"] if error.__class__.__name__ == "ClientError" else type(error).__name__)
"""


@pytest.fixture(scope="module")
def control(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A proxy in front of the engine."""
    folder: Path = tmp_path_factory.mktemp("proxy")
    port = processes.free_port()
    upstreams = ("--engine", stack.endpoint, "--cart", stack.endpoint)
    command = [sys.executable, "-m", "localstack.faults.proxy", "--port", str(port), *upstreams]
    running = processes.start(command, folder / "log", os.environ, ROOT)
    poll("the proxy listens", lambda: processes.listens(port) or None, 20)
    yield Control(Stack(folder, ports={"proxy": port}))
    processes.stop(running)


@pytest.fixture
def queue(aws: Aws) -> str:
    """The URL of a queue."""
    return aws.sqs.create_queue(QueueName=f"proxied-{uuid4().hex[:8]}")["QueueUrl"]


def run(control: Control, function: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a function behind the proxy."""
    name = f"bbws-order-lambda-{function}-local"
    environment = {**os.environ, "AWS_ENDPOINT_URL": control.url, "AWS_LAMBDA_FUNCTION_NAME": name}
    return subprocess.run(
        [sys.executable, "-c", *command], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def send(control: Control, queue: str, text: str = "text") -> subprocess.CompletedProcess[str]:
    """Let a function send a message."""
    return run(control, "create-order", _FUNCTION, queue, text)


def received(aws: Aws, queue: str) -> int:
    """How many messages there are."""
    attributes = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


@pytest.mark.parametrize(
    ("fault", "seen", "sent"),
    [
        (None, "sent", 1),
        (Fault.THROTTLE, "RequestThrottled", 0),
        (Fault.ERROR, "AWS.SimpleQueueService.InternalError", 0),
        (Fault.CUT_BEFORE, "ConnectionClosedError", 0),
        (Fault.CUT_AFTER, "ConnectionClosedError", 1),
        (Fault.STALL_BEFORE, "ReadTimeoutError", 0),
        (Fault.STALL_AFTER, "ReadTimeoutError", 1),
    ],
)
def test_a_function_sees_the_fault_and_the_effect_is_before_or_after(
    control: Control, aws: Aws, queue: str, fault: Fault | None, seen: str, sent: int
) -> None:
    control.begin(Plan(outages=(Outage("sqs", fault, 1, "create-order"),) if fault else ()))
    assert send(control, queue).stdout.strip() == seen
    assert received(aws, queue) == sent
    assert [entry["fault"] for entry in control.journal().faults] == ([fault] if fault else [])


@pytest.mark.parametrize(("fault", "sent"), [(Fault.KILL_BEFORE, 0), (Fault.KILL_AFTER, 1)])
def test_the_process_that_asks_is_killed(control: Control, aws: Aws, queue: str, fault: Fault, sent: int) -> None:
    control.begin(Plan(kills=(KillPoint("create-order", "SendMessage", fault),)))
    assert send(control, queue).returncode == -signal.SIGKILL
    assert received(aws, queue) == sent
    assert not control.journal().kills_left


def test_a_message_is_repeated_later(control: Control, aws: Aws, queue: str) -> None:
    control.begin(Plan(rates={Fault.REPEAT: 1_000}))
    assert send(control, queue).stdout.strip() == "sent"
    assert control.journal().copies == 1
    poll("the copy", lambda: received(aws, queue) == 2 or None, 20)
    poll("no copy left", lambda: control.journal().copies == 0 or None, 20)


def test_what_is_frozen_reaches_nobody(control: Control, aws: Aws, queue: str) -> None:
    control.begin(Plan())
    control.freeze(True)
    assert send(control, queue).stdout.strip() == "ConnectionClosedError"
    control.freeze(False)
    assert received(aws, queue) == 0
    assert send(control, queue).stdout.strip() == "sent"


def test_a_mail_that_nobody_noted_before_a_restart_may_come_twice(control: Control, aws: Aws) -> None:
    aws.ses.verify_email_identity(EmailAddress="a@kimmyai.io")
    control.begin(Plan())
    assert run(control, "internal-notifier", _NOTIFIER).returncode == 0
    assert control.journal().unrecorded() == set()
    control.freeze(True)
    control.freeze(False)
    assert control.journal().unrecorded() == {("internal-notifier", "c-1")}
