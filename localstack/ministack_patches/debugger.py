"""Lambda and SQS: while `bin/ops stack debug` claims DEBUG_FILE, a debugger enters one function, without its timeouts.

API Gateway's limit of 29 s for an integration needs no change: MiniStack does not enforce it.
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from ministack import app as gateway
from ministack.core import lambda_runtime
from ministack.services import lambda_svc, sqs

from localstack import claims, debug_states
from localstack.ministack_patches.harness import respond_json
from localstack.ministack_patches.patching import Function, replaces
from localstack.ministack_patches.tree import live, of_alias, with_handler

_FILE = Path(os.environ["DEBUG_FILE"])
# A week: longer than anyone debugs, and short enough for every timer.
_NO_LIMIT_SECONDS = 604_800
# The line that a process writes when a debugger can attach.
_LISTENS = "\x1edebugger can attach"
_lock = threading.Lock()


class _Kept:
    """A process that MiniStack does not end: it ends the process of a call that fails."""

    def __init__(self, process: Any) -> None:
        self.stdin, self.stdout, self.stderr, self.poll = process.stdin, process.stdout, process.stderr, process.poll

    def terminate(self) -> None:
        """Do nothing."""

    def wait(self, timeout: float) -> None:
        """Do nothing."""


class _DebuggedWorker(lambda_runtime.Worker):  # type: ignore[misc]
    """The only process of a function: it waits for a debugger, and runs one call after the other."""

    def __init__(self, name: str, config: dict[str, Any], code: bytes, settings: dict[str, Any]) -> None:
        given = settings | {"handler": config["Handler"], "listens": _LISTENS}
        debugged = with_handler(config, "debugged", DEBUGGED=json.dumps(given))
        super().__init__(name, debugged | {"Timeout": _NO_LIMIT_SECONDS}, code)
        self.settings = settings
        # One of debug_states, or why the function does not run.
        self.state: str = debug_states.STARTS
        # The process once a debugger has attached; MiniStack forgets that of a failed call.
        self._attached: Any = None
        self._entered = threading.Event()
        self._calls = threading.Lock()

    def _read_stderr(self) -> None:
        for line in self._proc.stderr:
            if line.startswith(_LISTENS):
                self.state = debug_states.WAITS
                break
            self._stderr_queue.put(line.rstrip("\n"))
        super()._read_stderr()

    def enter(self) -> None:
        """Start the process, and return when a debugger has attached or the function does not run."""
        try:
            lambda_runtime.ensure_spawned(self)
            self._attached = self._proc
            self.state = debug_states.ATTACHED
        except (RuntimeError, OSError) as error:
            self.state = str(error)
        self._entered.set()

    def invoke(self, *call: Any, **named: Any) -> Any:
        """Run a call in the same process as all others; it fails if that has ended."""
        with self._calls:
            self._entered.wait()
            if self._attached and self._attached.poll() is not None:
                self.state = "the process has ended"
            if self.state != debug_states.ATTACHED:
                # Nothing of it is in the function's log, where MiniStack would put an error without a traceback.
                return {"status": "error", "error": self.state, "log": "", "trace": ""}
            self._proc = _Kept(self._attached)
            return super().invoke(*call, **named)

    def end(self) -> None:
        """End the process and the call that it runs."""
        self._proc = self._attached or self._proc
        self.kill()


# The function that is debugged, by its name; at most one.
_debugged: dict[str, _DebuggedWorker] = {}


def _begin() -> None:
    """Start the function that the claim names, if it is not started."""
    claim = claims.claimed(_FILE)
    if claim is None:
        return
    settings = json.loads(claim)
    name = settings["function"]
    with _lock:
        if any(worker.settings == settings for worker in _debugged.values()):
            return
        # That of a command that ended just now.
        _end_all()
        worker = _debugged[name] = _DebuggedWorker(name, *live()[name], settings)
    threading.Thread(target=worker.enter, daemon=True).start()
    threading.Thread(target=_end_with_claim, daemon=True).start()


def _end_with_claim() -> None:
    with claims.released(_FILE), _lock:
        _end_all()


def _end_all() -> None:
    for worker in _debugged.values():
        worker.end()
    _debugged.clear()


def _state(_: object) -> str:
    """The state of the debugged function, also when there is none."""
    return next((worker.state for worker in list(_debugged.values())), debug_states.ENDED)


@replaces(lambda_svc, "acquire_worker")
def run_debugged(acquire: Function, name: str, config: dict[str, Any], *more: Any, **named: Any) -> Any:
    """Give all calls of the debugged function's alias to its one process."""
    worker = _debugged.get(name)
    return (worker, "reused") if worker and of_alias(config) else acquire(name, config, *more, **named)


@replaces(lambda_svc, "_run_sqs_batch")
def hide_while_debugged(run: Function, mapping: dict[str, Any], function: Any, event: Any, *batch: Any) -> None:
    """Hide the messages of the debugged function until its call ends, then for the queue's visibility timeout."""
    messages, queue_url, _ = batch
    if mapping["FunctionName"] not in _debugged:
        run(mapping, function, event, *batch)
        return
    hidden_until = time.time() + _NO_LIMIT_SECONDS
    for message in messages:
        message["visible_at"] = hidden_until
    try:
        run(mapping, function, event, *batch)
    finally:
        visible_at = time.time() + int(sqs._queues[queue_url]["attributes"].get("VisibilityTimeout", 30))
        for message in messages:
            # The function may have chosen another time.
            if message["visible_at"] == hidden_until:
                message["visible_at"] = visible_at


@replaces(gateway, "app")
async def debug_on_request(serve: Function, scope: dict[str, Any], receive: Function, send: Function) -> None:
    """Start to debug on POST; GET responds with the state."""
    if scope["type"] != "http" or scope["path"] != "/_harness/debug":
        await serve(scope, receive, send)
        return
    if scope["method"] == "POST":
        _begin()
    await respond_json(receive, send, _state)
