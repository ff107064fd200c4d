"""The fault proxy: what a function sees, and whether the call takes effect."""

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

# A function that sends a mail, and ends before it records that.
_NOTIFIER = """
import sys, boto3
message = "From: a@kimmyai.io\\nTo: b@acme.example\\nX-Correlation-Id: c-1\\n\\ntext"
for _ in range(int(sys.argv[1])):
    boto3.client("ses").send_raw_email(RawMessage={"Data": message.encode()})
"""
# A function that sends one message without retries, and prints the result.
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
    command = [sys.executable, "-m", "localstack.faults.proxy", str(port), stack.endpoint, stack.endpoint]
    running = processes.start(command, folder / "log", os.environ, ROOT)
    poll("the proxy listens", lambda: processes.listens(port) or None, 20)
    yield Control(Stack(folder, ports={"proxy": port}))
    processes.stop(running)


@pytest.fixture
def queue(aws: Aws) -> str:
    """URL of a queue."""
    return aws.sqs.create_queue(QueueName=f"proxied-{uuid4().hex[:8]}")["QueueUrl"]


def run(control: Control, function: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a function behind the proxy."""
    name = f"bbws-order-lambda-{function}-local"
    environment = {**os.environ, "AWS_ENDPOINT_URL": control.url, "AWS_LAMBDA_FUNCTION_NAME": name}
    return subprocess.run(
        [sys.executable, "-c", *command], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def send(control: Control, queue: str, text: str = "text") -> subprocess.CompletedProcess[str]:
    """Run a function that sends a message."""
    return run(control, "create-order", _FUNCTION, queue, text)


def received(aws: Aws, queue: str) -> int:
    """Number of messages in a queue."""
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
def test_fault_is_seen_and_call_takes_effect_or_not(
    control: Control, aws: Aws, queue: str, fault: Fault | None, seen: str, sent: int
) -> None:
    """The function sees the fault, and the call takes effect or not as the fault says."""
    control.begin(Plan(outages=(Outage("sqs", fault, 1, "create-order"),) if fault else ()))
    assert send(control, queue).stdout.strip() == seen
    assert received(aws, queue) == sent
    assert [entry["fault"] for entry in control.journal().faults] == ([fault] if fault else [])


@pytest.mark.parametrize(("fault", "sent"), [(Fault.KILL_BEFORE, 0), (Fault.KILL_AFTER, 1)])
def test_kill_ends_calling_process(control: Control, aws: Aws, queue: str, fault: Fault, sent: int) -> None:
    """A kill ends the calling process before or after the call takes effect."""
    control.begin(Plan(kills=(KillPoint("create-order", "SendMessage", fault),)))
    assert send(control, queue).returncode == -signal.SIGKILL
    assert received(aws, queue) == sent
    assert not control.journal().kills_left


def test_repeat_sends_message_twice(control: Control, aws: Aws, queue: str) -> None:
    """A repeated message arrives a second time later."""
    control.begin(Plan(rates={Fault.REPEAT: 1_000}))
    assert send(control, queue).stdout.strip() == "sent"
    assert control.journal().copies == 1
    poll("the copy", lambda: received(aws, queue) == 2 or None, 20)
    poll("no copy left", lambda: control.journal().copies == 0 or None, 20)


def test_frozen_proxy_cuts_calls(control: Control, aws: Aws, queue: str) -> None:
    """A frozen proxy cuts every call, and a released one forwards them."""
    control.begin(Plan())
    control.freeze(True)
    assert send(control, queue).stdout.strip() == "ConnectionClosedError"
    control.freeze(False)
    assert received(aws, queue) == 0
    assert send(control, queue).stdout.strip() == "sent"


def test_unrecorded_mail_before_restart_is_listed(control: Control, aws: Aws) -> None:
    """A mail that was sent but not recorded before a restart may be sent twice."""
    aws.ses.verify_email_identity(EmailAddress="a@kimmyai.io")
    control.begin(Plan())
    assert run(control, "internal-notifier", _NOTIFIER, "1").returncode == 0
    assert control.journal().unrecorded() == set()
    control.freeze(True)
    control.freeze(False)
    assert control.journal().unrecorded() == {("internal-notifier", "c-1")}


def test_unrecorded_mail_of_ended_process_is_listed(control: Control, aws: Aws) -> None:
    """A process that ended by itself before it recorded a mail may have it sent twice; one that lives may not."""
    aws.ses.verify_email_identity(EmailAddress="a@kimmyai.io")
    control.begin(Plan())
    assert run(control, "internal-notifier", _NOTIFIER, "2").returncode == 0
    assert control.journal().unrecorded() == set()
    assert run(control, "internal-notifier", _NOTIFIER, "1").returncode == 0
    assert control.journal().unrecorded() == {("internal-notifier", "c-1")}
