"""A debugger in a function on a bare engine: it stops at a line while nothing times out, and leaves nothing behind."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import pytest

from localstack import debug, debug_states, processes
from localstack.aws import Aws
from localstack.engines.ministack import harness
from localstack.run_tree import exclusive_claim
from localstack.stack import ACCOUNT, REGION, Stack
from tests.support import trees
from tests.support.dap import DebugClient
from tests.support.lambda_functions import make_function
from tests.support.trees import ENTRY, HANDLER, SOURCE, call, modules, save
from tooling.polling import poll

LINE = SOURCE.splitlines().index("    return answer") + 1
TIMEOUT_SECONDS = 1

stack = trees.stack


@pytest.fixture(scope="module")
def function(stack: Stack) -> str:
    """A function with a timeout of a second whose package returns `packaged`, and which may receive messages."""
    name = make_function(ENTRY, modules=modules("packaged"), seconds=TIMEOUT_SECONDS)
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boto3.client("iam").put_role_policy(RoleName=name, PolicyName="receive", PolicyDocument=document)
    return name


def state(stack: Stack) -> str:
    """The state of the debugged function."""
    return str(harness(stack, "debug", method="GET"))


@contextmanager
def debugged(stack: Stack, function: str, root: Path) -> Iterator[int]:
    """The function waits for a debugger on the yielded port, and runs a tree that returns `saved`."""
    save(root, modules("saved"))
    port = processes.free_port()
    settings = {"function": function, "root": str(root), "port": port, "libraries": debug._libraries()}
    content = json.dumps(settings | {"command": os.urandom(4).hex()})
    with exclusive_claim(stack.debug_file, content, "the test"):
        harness(stack, "debug")
        poll("the function waits", lambda: state(stack) == debug_states.WAITS or None, 60)
        yield port


def wait_for_package(stack: Stack, function: str) -> None:
    """Wait until the function runs its package."""
    poll("the package runs", lambda: call(stack, function) == "packaged" or None, 30)


def pause_beyond_timeout(client: DebugClient) -> None:
    """Wait for the breakpoint, stay there for longer than the function may take, and go on."""
    began = time.monotonic()
    thread, frame = client.stopped()
    assert frame["line"] == LINE
    assert client.variables(frame)["answer"] == "'saved'"
    poll("the function's timeout has passed", lambda: time.monotonic() - began > 1.5 * TIMEOUT_SECONDS or None, 10)
    assert client.evaluate(frame, "context.get_remaining_time_in_millis() > 3_600_000") == "True"
    client.proceed(thread)


def test_debugger_stops_at_line_without_timeouts(stack: Stack, function: str, tmp_path: Path) -> None:
    """A call before the debugger attaches waits; it stops at the breakpoint for longer than its timeout, and succeeds.

    A call that fails keeps the debugger; a call of the version runs the package meanwhile.
    """
    with debugged(stack, function, tmp_path) as port, ThreadPoolExecutor(1) as pool:
        early = pool.submit(call, stack, function)
        assert call(stack, function, "1") == "packaged"
        with DebugClient("127.0.0.1", port) as client:
            client.attach({tmp_path / HANDLER: [LINE]})
            pause_beyond_timeout(client)
            assert early.result() == "saved"
            assert state(stack) == debug_states.ATTACHED
            assert "has no attribute 'get'" in call(stack, function, event=["a list"])["errorMessage"]
            late = pool.submit(call, stack, function)
            pause_beyond_timeout(client)
            assert late.result() == "saved"
    wait_for_package(stack, function)


def test_debugger_enters_function_that_runs_a_tree(stack: Stack, function: str, tmp_path: Path) -> None:
    """While a watch runs, the debugger enters the function; afterwards it runs what the watch runs."""
    save(tmp_path, modules("watched"))
    with exclusive_claim(stack.tree_file, str(tmp_path), "the test"):
        assert harness(stack, "tree", {"modules": None})[function] is None
        assert call(stack, function) == "watched"
        with (
            debugged(stack, function, tmp_path / "other") as port,
            ThreadPoolExecutor(1) as pool,
            DebugClient("127.0.0.1", port) as client,
        ):
            client.attach({tmp_path / "other" / HANDLER: [LINE]})
            running = pool.submit(call, stack, function)
            pause_beyond_timeout(client)
            assert running.result() == "saved"
        poll("the tree runs", lambda: call(stack, function) == "watched" or None, 30)
    wait_for_package(stack, function)


def test_debugged_consumer_keeps_its_message(stack: Stack, function: str, tmp_path: Path) -> None:
    """A message whose consumer stops for longer than the queue hides messages is received once, and then deleted."""
    sqs = Aws(stack.endpoint).sqs
    url = sqs.create_queue(QueueName="debugged", Attributes={"VisibilityTimeout": str(TIMEOUT_SECONDS)})["QueueUrl"]
    functions = Aws(stack.endpoint).functions
    mapping = functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:debugged", FunctionName=f"{function}:live"
    )["UUID"]

    def messages() -> set[str]:
        """How many messages wait and are hidden."""
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]}

    with debugged(stack, function, tmp_path) as port, DebugClient("127.0.0.1", port) as client:
        client.attach({tmp_path / HANDLER: [LINE]})
        sqs.send_message(QueueUrl=url, MessageBody="one")
        pause_beyond_timeout(client)
        poll("the message is deleted", lambda: messages() == {"0"} or None, 30)
    functions.delete_event_source_mapping(UUID=mapping)
    wait_for_package(stack, function)


def test_end_of_command_ends_stopped_call(stack: Stack, function: str, tmp_path: Path) -> None:
    """A call that stands at a breakpoint fails when the command ends; the port is free."""
    with ThreadPoolExecutor(1) as pool, ExitStack() as clients:
        with debugged(stack, function, tmp_path) as port:
            running = pool.submit(call, stack, function)
            client = clients.enter_context(DebugClient("127.0.0.1", port))
            client.attach({tmp_path / HANDLER: [LINE]})
            client.stopped()
        assert "errorMessage" in running.result(30)
    wait_for_package(stack, function)
    poll("the port is free", lambda: None if processes.listens(port) else True, 30)


def test_end_of_command_ends_waiting_call(stack: Stack, function: str, tmp_path: Path) -> None:
    """A call that waits for a debugger fails when the command ends; one that came too late runs the package."""
    with ThreadPoolExecutor(1) as pool:
        with debugged(stack, function, tmp_path):
            running = pool.submit(call, stack, function)
        result = running.result(30)
    assert result == "packaged" or "errorMessage" in result
    wait_for_package(stack, function)


def test_function_that_does_not_run_is_reported(stack: Stack, function: str, tmp_path: Path) -> None:
    """The state names the line of a function that cannot be imported; its calls fail."""

    def failure() -> str | None:
        return None if state(stack) == debug_states.WAITS else state(stack)

    with debugged(stack, function, tmp_path) as port, DebugClient("127.0.0.1", port) as client:
        save(tmp_path, {HANDLER: "def handler(:\n"})
        client.attach({})
        found = poll("the function fails", failure, 60)
        assert f'File "{tmp_path / HANDLER}", line 1' in found
        assert "invalid syntax" in found
        assert "invalid syntax" in call(stack, function)["errorMessage"]
    wait_for_package(stack, function)
