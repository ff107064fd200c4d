"""One execution environment of a function: a process, and the Runtime API that it takes its calls from.

Needs the standard library alone, since LocalStack imports it in its own virtual environment. Source: AWS Lambda
Developer Guide, "Using the Lambda runtime API for custom runtimes".
"""

import json
import os
import queue
import select
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

# Lambda Developer Guide, "Lambda quotas": 6 MB for a response.
_RESPONSE_BYTES = 6_291_556
_READ_BYTES = 65_536
# Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle": the init phase may take 10 s, and
# is then repeated with the function's timeout.
_INIT_SECONDS = 10
_STOP_SECONDS = 5


class StartError(Exception):
    """The process ended, reported an error or took too long before its first call; the text is its error or log."""


class Result(NamedTuple):
    """The end of a call: response or error as JSON, and the log with Lambda's own lines."""

    payload: bytes
    is_error: bool
    log: str


@dataclass(frozen=True)
class Function:
    """What Lambda knows of a function.

    Args:
        command: Starts the process.
        environment: Its environment variables, whole.
        folder: Its working folder.
        timeout: Seconds that a call may take.
        memory: Megabytes; only logged.
        version: Version that the log names.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    timeout: int
    memory: int
    version: str


@dataclass
class _Call:
    request_id: str
    arn: str
    payload: bytes
    trace: str
    deadline_ms: int
    answer: Future[tuple[bytes, bool]] = field(default_factory=Future)


class Environment:
    """Runs a function's calls one after the other, each by the same process unless it ended or was too slow."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.environment = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._process: _Process | None = None

    def start(self) -> None:
        """Start the process, and wait until it requests its first call. Raises StartError."""
        self._process = _Process(self._function, f"127.0.0.1:{self._server.server_port}")
        seconds = _INIT_SECONDS + self._function.timeout
        try:
            self._process.ready.result(seconds)
        except TimeoutError:
            self._process.stop()
            raise StartError(f"not started after {seconds} s") from None

    def invoke(self, request_id: str, arn: str, payload: bytes, trace: str) -> Result:
        """Run a call to its end, successful or not."""
        seconds = self._function.timeout
        started = time.monotonic()
        if self._process is None:
            with suppress(StartError):
                self.start()
        process = self._process
        assert process is not None  # noqa: S101  # nosec B101  # start() made it
        before = process.take_log()
        call = _Call(request_id, arn, payload, trace, int((time.time() + seconds) * 1000))
        process.run(call)
        try:
            answer, is_error = call.answer.result(seconds)
        except TimeoutError:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            text = f"{at} {request_id} Task timed out after {seconds}.00 seconds"
            answer, is_error = json.dumps({"errorMessage": text}).encode(), True
            process.stop()
            process.add_log(f"{text}\n\n")
        log = process.take_log()
        if not process.alive():
            self._process = None
        spent = min((time.monotonic() - started) * 1000, seconds * 1000)
        name, memory = f"RequestId: {request_id}", self._function.memory
        lines = (
            f"{before}START {name} Version: {self._function.version}\n{log}END {name}\n"
            f"REPORT {name}\tDuration: {spent:.2f} ms\tBilled Duration: {spent:.0f} ms\t"
            f"Memory Size: {memory} MB\tMax Memory Used: {memory} MB\t\n"
        )
        return Result(answer, is_error, lines)

    def stop(self) -> None:
        """End the process and the server."""
        if self._process:
            self._process.stop()
        self._server.shutdown()
        self._server.server_close()

    def current(self) -> "_Process | None":
        """The process that talks to the server; None while there is none."""
        return self._process


class _Process:
    """The process of a function, its calls and its log."""

    def __init__(self, function: Function, api: str) -> None:
        self.ready: Future[None] = Future()
        self._calls: queue.Queue[_Call | None] = queue.Queue()
        self._call: _Call | None = None
        self._log = bytearray()
        self._reading = threading.Lock()
        self._process = subprocess.Popen(
            function.command,
            cwd=function.folder,
            env={**function.environment, "AWS_LAMBDA_RUNTIME_API": api},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._process.stdout is not None  # noqa: S101  # nosec B101  # it is a pipe
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        threading.Thread(target=self._watch, daemon=True).start()

    def run(self, call: _Call) -> None:
        """Hand a call to the process, or fail it if the process has ended."""
        self._call = call
        self._calls.put(call)
        if not self.alive():
            self._fail()

    def next(self) -> _Call | None:
        """Wait for a call, which the process requests; None if it has ended."""
        if not self.ready.done():
            self.ready.set_result(None)
        return self._calls.get()

    def answer(self, request_id: str, payload: bytes, is_error: bool) -> None:
        """End a call, unless it has ended."""
        call = self._call
        if not is_error and len(payload) > _RESPONSE_BYTES:
            text = f"Response payload size exceeded maximum allowed payload size ({_RESPONSE_BYTES} bytes)."
            error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}
            payload, is_error = json.dumps(error).encode(), True
        if call and call.request_id == request_id:
            with suppress(InvalidStateError):
                call.answer.set_result((payload, is_error))

    def refuse(self, error: bytes) -> None:
        """Take the error of a process that cannot start."""
        if not self.ready.done():
            self.ready.set_exception(StartError(error.decode(errors="replace")))

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def add_log(self, text: str) -> None:
        """Add a line of Lambda's own."""
        self._log += text.encode()

    def take_log(self) -> str:
        """Everything written since the last time: a call's lines are in the pipe when its response arrives."""
        with self._reading:
            self._drain()
            text = self._log.decode(errors="replace").replace("\r", "\n")
            self._log.clear()
        return text if text.endswith("\n") or not text else f"{text}\n"

    def stop(self) -> None:
        """Kill the process, as Lambda does."""
        self._process.kill()
        self._process.wait(_STOP_SECONDS)

    def _drain(self) -> bool:
        """Read what the pipe holds; whether it is still open."""
        while not self._pipe.closed:
            try:
                text = os.read(self._pipe.fileno(), _READ_BYTES)
            except BlockingIOError:
                return True
            if not text:
                self._pipe.close()
            self._log += text
        return False

    def _watch(self) -> None:
        """Keep the pipe empty while the process runs, then fail the call that it leaves."""
        is_open = True
        while is_open:
            select.select([self._pipe], [], [])
            with self._reading:
                is_open = self._drain()
        self._process.wait()
        self._calls.put(None)
        if not self.ready.done():
            self.ready.set_exception(StartError(self.take_log()))
        self._fail()

    def _fail(self) -> None:
        if self._call:
            status = self._process.returncode
            text = f"RequestId: {self._call.request_id} Error: Runtime exited with error: exit status {status}"
            error = {"errorType": "Runtime.ExitError", "errorMessage": text}
            self.answer(self._call.request_id, json.dumps(error).encode(), True)


class _Handler(BaseHTTPRequestHandler):
    """The Runtime API, version 2018-06-01."""

    protocol_version = "HTTP/1.1"
    server: Any

    def handle(self) -> None:
        """Serve a connection; that of a process that was killed ends early."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: Any) -> None:
        """Keep standard error free: it is the engine's log."""

    def do_GET(self) -> None:
        """`/runtime/invocation/next`."""
        process = self.server.environment.current()
        call = process.next()
        if call is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": call.request_id,
            "Lambda-Runtime-Deadline-Ms": str(call.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": call.arn,
            "Lambda-Runtime-Trace-Id": call.trace,
        }
        self._reply(200, call.payload, headers)

    def do_POST(self) -> None:
        """`/runtime/init/error`, `/runtime/invocation/ID/response` and `/runtime/invocation/ID/error`."""
        body, process = self._body(), self.server.environment.current()
        *_, of, kind = self.path.strip("/").split("/")
        if of == "init":
            process.refuse(body)
        else:
            process.answer(of, body, kind == "error")
        self._reply(202, b'{"status":"OK"}', {})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
