"""Functions as processes: calls, logs, errors and time-outs as Lambda's."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localstack.lambda_runtime import runtime_api
from localstack.lambda_runtime.runtime_api import Environment, Function, StartError

# What awslambdaric does, without its libraries: fetch a call, run the handler, post the response.
CLIENT = """
import json, os, sys, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"
def post(path, value):
    urllib.request.urlopen(f"{api}/{path}", json.dumps(value).encode()).read()
print("imported", flush=True)
if os.environ["MODE"] == "broken":
    post("init/error", {"errorType": "Runtime.ImportModuleError", "errorMessage": "no module"})
    sys.exit(1)
if os.environ["MODE"] == "stuck":
    import threading; threading.Event().wait()
while True:
    with urllib.request.urlopen(f"{api}/invocation/next") as response:
        request_id, event = response.headers["Lambda-Runtime-Aws-Request-Id"], json.load(response)
    print(json.dumps({"line": event}), flush=True)
    if event == "exit":
        os._exit(3)
    if event == "hang":
        sys.stdin.close()
        import threading; threading.Event().wait()
    if event == "fail":
        post(f"invocation/{request_id}/error", {"errorType": "ValueError"})
    else:
        post(f"invocation/{request_id}/response", {"pid": os.getpid(), "event": event})
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Environment]]:
    """Makes environments of a function, by mode."""
    made = []

    def environment(mode: str) -> Environment:
        variables = {"PATH": os.environ["PATH"], "MODE": mode, "NO_PROXY": "*"}
        function = Function([sys.executable, "-c", CLIENT], variables, str(tmp_path), 2, 128, "7")
        made.append(Environment(function))
        return made[-1]

    yield environment
    for one in made:
        one.stop()


def invoke(environment: Environment, event: str) -> tuple[str, bool, str]:
    """Call a function; returns response, whether it is an error, and log."""
    result = environment.invoke("r-1", "arn:aws:lambda:af-south-1:000000000000:function:f", f'"{event}"'.encode(), "")
    return result.payload.decode(), result.is_error, result.log


def test_invoke_returns_response_and_its_log(make: Callable[[str], Environment]) -> None:
    """A call returns its response, and every line that it wrote, between those of Lambda."""
    environment = make("good")
    environment.start()
    first, is_error, log = invoke(environment, "a")
    assert not is_error
    assert [line.partition(" ")[0] for line in log.splitlines()] == ["imported", "START", '{"line":', "END", "REPORT"]
    assert "START RequestId: r-1 Version: 7\n" in log
    second, _, log = invoke(environment, "b")
    assert second == first.replace('"a"', '"b"'), "the same process runs it"
    assert "imported" not in log


def test_invoke_failed_call_keeps_the_process(make: Callable[[str], Environment]) -> None:
    """The error of a handler is the response, and the next call works."""
    environment = make("good")
    environment.start()
    assert invoke(environment, "fail")[:2] == ('{"errorType": "ValueError"}', True)
    assert not invoke(environment, "a")[1]


@pytest.mark.parametrize(
    ("event", "says"),
    [("exit", "Runtime exited with error: exit status 3"), ("hang", "Task timed out after 2.00 seconds")],
)
def test_invoke_lost_process_is_replaced(make: Callable[[str], Environment], event: str, says: str) -> None:
    """A process that ends or takes too long fails its call, and the next call gets a new process."""
    environment = make("good")
    environment.start()
    payload, is_error, log = invoke(environment, event)
    assert is_error
    assert says in payload
    assert f'{{"line": "{event}"}}' in log
    _, is_error, log = invoke(environment, "a")
    assert not is_error
    assert "imported" in log


def test_start_broken_function_reports_its_error(make: Callable[[str], Environment]) -> None:
    """A function that cannot be imported fails at its start with its own error."""
    with pytest.raises(StartError, match="no module"):
        make("broken").start()


def test_start_stuck_function_is_ended(make: Callable[[str], Environment], monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that hangs at its import is ended, at its start and at each call, as one that cannot be imported."""
    monkeypatch.setattr(runtime_api, "_INIT_SECONDS", 0)
    environment = make("stuck")
    with pytest.raises(StartError, match="not started after 2 s"):
        environment.start()
    payload, is_error, _ = invoke(environment, "a")
    assert is_error
    assert "Runtime exited with error: exit status -9" in payload
