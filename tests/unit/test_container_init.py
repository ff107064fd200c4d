"""The init of function containers: it reports to LocalStack and hands it the results of calls."""

import json
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
import requests

from localstack import processes
from localstack.stack import Running
from tests.unit.test_runtime_api import CLIENT
from tooling.paths import ROOT
from tooling.polling import poll

# Its paths and port are the container's.
INIT = """
import sys, container_init as init
init._COMMAND, init._TASK, init._TMP, init._PORT = [sys.executable, "-c", sys.argv[1]], *sys.argv[2:4], int(sys.argv[4])
init.main()
"""
ARN = "arn:aws:lambda:af-south-1:000000000000:function:f"


class LocalStack(ThreadingHTTPServer):
    """Takes the reports that LocalStack gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Reports)
        self.reports: Queue[tuple[str, Any]] = Queue()


class _Reports(BaseHTTPRequestHandler):
    server: LocalStack

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # Before the response: the next report comes at once, in another thread.
        self.server.reports.put((self.path, json.loads(body or "null")))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def localstack() -> Iterator[LocalStack]:
    """LocalStack's endpoint for an executor."""
    server = LocalStack()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def start(tmp_path: Path, localstack: LocalStack) -> Iterator[Callable[[str], str]]:
    """Starts the init of a function, by mode, and returns the URL that it takes calls at."""
    started: list[Running] = []
    (tmp_path / "tmp").mkdir()

    def init(mode: str) -> str:
        port = processes.free_port()
        arguments = [CLIENT, str(tmp_path), str(tmp_path / "tmp"), str(port)]
        variables = {
            "PYTHONPATH": str(ROOT / "localstack" / "lambda_runtime"),
            "LOCALSTACK_RUNTIME_ENDPOINT": f"http://127.0.0.1:{localstack.server_port}/executor",
            "LOCALSTACK_RUNTIME_ID": "executor",
            "LOCALSTACK_USER": pwd.getpwuid(os.getuid()).pw_name,
            "LOCALSTACK_CHMOD_PATHS": json.dumps([{"path": str(tmp_path / "tmp"), "mode": "0700"}]),
            "AWS_LAMBDA_FUNCTION_VERSION": "3",
            "MODE": mode,
        }
        command = [sys.executable, "-c", INIT, *arguments]
        started.append(processes.start(command, tmp_path / "log", processes.environment(**variables), tmp_path))
        poll("the init takes calls", lambda: processes.listens(port) or None, 30)
        return f"http://127.0.0.1:{port}/invoke"

    yield init
    for each in started:
        processes.stop(each)


def test_calls_are_reported_with_their_logs(start: Callable[[str], str], localstack: LocalStack) -> None:
    """The init reports that the function is ready, then the log and the response, or the error, of each call."""
    url = start("good")
    assert localstack.reports.get(timeout=30) == ("/executor/status/executor/ready", None)
    for event, kind in (("a", "response"), ("fail", "error")):
        call = {"invoke-id": f"r-{event}", "invoked-function-arn": ARN, "payload": json.dumps(event), "trace-id": ""}
        assert requests.post(url, json=call, timeout=10).status_code == 200
        path, logs = localstack.reports.get(timeout=30)
        assert path == f"/executor/invocations/r-{event}/logs"
        assert f"START RequestId: r-{event} Version: 3\n" in logs["logs"]
        path, result = localstack.reports.get(timeout=30)
        assert path == f"/executor/invocations/r-{event}/{kind}"
        assert result.get("event", "fail") == event


def test_function_that_does_not_start_is_reported(start: Callable[[str], str], localstack: LocalStack) -> None:
    """A function that cannot be imported is reported with its error."""
    start("broken")
    path, error = localstack.reports.get(timeout=30)
    assert path == "/executor/status/executor/error"
    assert "no module" in error["errorMessage"]
