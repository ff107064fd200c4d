"""Lambda: while `make watch` claims TREE_FILE, functions run from the working tree that it names.

Only calls of an alias do: a call of a version runs its package, so that `make up` tests what it deploys.
"""

import json
import os
import queue
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ministack import app as gateway
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localstack import claims
from localstack.ministack_patches.harness import respond_json
from localstack.ministack_patches.patching import Function, changes, replaces

_FILE = Path(os.environ["TREE_FILE"])
RUNTIME = Path(__file__).resolve().parents[1] / "lambda_runtime"
_FORK_SECONDS = 60
_INIT_FAILED = """"status": "error", "error": str(e)}) + "\\n")
        _real_stdout.flush()
        return"""
# Of the functions that run from the tree, by name.
_functions: dict[str, "_TreeFunction"] = {}
_lock = threading.Lock()


@changes
def report_where_import_fails() -> None:
    """Report the traceback of a function that cannot be imported; MiniStack reports the message alone.

    Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes", initialization error.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_INIT_FAILED) != 1:
        raise RuntimeError("MiniStack's worker reports a failed import differently: adapt _INIT_FAILED")
    traced = _INIT_FAILED.replace("str(e)", "traceback.format_exc()")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_INIT_FAILED, traced)


def of_alias(config: dict[str, Any]) -> bool:
    """Whether a call is one of an alias; its function's ARN then ends with the alias."""
    qualifier = config["FunctionArn"].split(":")[7:]
    return bool(qualifier) and qualifier[0] not in ("$LATEST", config["Version"])


def with_handler(config: dict[str, Any], module: str, **variables: str) -> dict[str, Any]:
    """The configuration of a function whose handler is that of a module of localstack/lambda_runtime."""
    own = config.get("Environment", {}).get("Variables", {})
    environment = {"Variables": {**own, **variables, "PYTHONPATH": str(RUNTIME)}}
    return {**config, "Handler": f"{module}.lambda_handler", "Environment": environment}


class _Forked:
    """A process that the worker of a function forks, with what MiniStack uses of subprocess.Popen.

    It ends when its socket is closed, so nothing is killed by an id that may be another process's by now.
    """

    def __init__(self, parent: Any, root: str) -> None:
        # A socket's path may have 104 bytes, and the folder of a stack can be anywhere. The new folder is its user's.
        short = "/tmp"  # noqa: S108  # nosec B108
        with TemporaryDirectory(prefix="fork-", dir=short) as folder, socket.socket(socket.AF_UNIX) as listener:
            address = f"{folder}/socket"
            listener.bind(address)
            listener.listen()
            listener.settimeout(_FORK_SECONDS)
            done = parent.invoke({"socket": address, "root": root}, "fork")
            if done["status"] != "ok":
                raise RuntimeError(done["error"])
            self._life, _ = listener.accept()
        (read_in, write_in), (read_out, write_out), (read_error, write_error) = (os.pipe() for _ in range(3))
        socket.send_fds(self._life, [b"."], [read_in, write_out, write_error])
        for given in (read_in, write_out, write_error):
            os.close(given)
        self.stdin = os.fdopen(write_in, "w", buffering=1)
        self.stdout, self.stderr = os.fdopen(read_out), os.fdopen(read_error)

    def _ended(self, seconds: float) -> bool:
        waiting = select.poll()
        waiting.register(self._life, select.POLLIN)
        try:
            return bool(waiting.poll(seconds * 1000)) and not self._life.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def poll(self) -> int | None:
        """None while the process runs."""
        return 0 if self._ended(0) else None

    def terminate(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._life.shutdown(socket.SHUT_WR)

    kill = terminate

    def wait(self, timeout: float) -> None:
        """Wait until the process has ended."""
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired("a forked function", timeout)

    def modules(self) -> set[str]:
        """The names of the modules that the process has imported; none if it has ended."""
        try:
            self._life.sendall(b".")
            with self._life.makefile() as lines:
                return set(json.loads(lines.readline() or "[]"))
        except OSError:
            return set()


class _TreeWorker(lambda_runtime.Worker):  # type: ignore[misc]
    """A worker whose process is forked."""

    def __init__(self, config: dict[str, Any], fork: Callable[[], _Forked]) -> None:
        super().__init__(config["FunctionName"], config, b"")
        self._fork = fork
        # Whether it ends with its call.
        self.retired = False

    def _spawn(self) -> None:
        """Start the process. Raises RuntimeError: the function cannot be imported; the text is the traceback."""
        process = self._proc = self._fork()
        self._stderr_queue: queue.Queue[str] = queue.Queue()
        self._stderr_thread = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_thread.start()
        module, _, handler = self.config["Handler"].rpartition(".")
        init = {
            "code_dir": "",
            "module": module,
            "handler": handler,
            "function_name": self.func_name,
            "memory": self.config["MemorySize"],
            "arn": self.config["FunctionArn"],
            "env": {"_LAMBDA_TIMEOUT": str(self.config["Timeout"])},
        }
        process.stdin.write(f"{json.dumps(init)}\n")
        line = process.stdout.readline()
        status = json.loads(line) if line else {"status": "error", "error": "the process ended while it started"}
        if status["status"] != "ready":
            raise RuntimeError(status["error"])

    def invoke(self, *call: Any, **named: Any) -> Any:
        """Run a call; one for which no process can be started fails."""
        try:
            return super().invoke(*call, **named)
        except (RuntimeError, OSError) as error:
            return {"status": "error", "error": str(error), "log": str(error)}

    def modules(self) -> set[str]:
        """The names of the modules that its process has imported; none without a process."""
        process: _Forked | None = self._proc
        return process.modules() if process else set()


class _TreeFunction:
    """A function that runs from a tree, in as many processes as it has calls at a time."""

    def __init__(self, root: str, config: dict[str, Any], code: bytes) -> None:
        self.root = root
        self.config = config
        parent = with_handler(config, "tree") | {"Timeout": _FORK_SECONDS}
        self._parent = lambda_runtime.Worker(config["FunctionName"], parent, code)
        self._imported: set[str] = set()
        self._workers: list[_TreeWorker] = []
        self._failed = False

    def _new(self) -> _TreeWorker:
        return _TreeWorker(self.config, lambda: _Forked(self._parent, self.root))

    @property
    def runs(self) -> bool:
        """Whether it can run, or has not been tried."""
        return bool(self._workers) or not self._failed

    def acquire(self) -> _TreeWorker:
        """Take a worker that has no call, or a new one."""
        with _lock:
            free = next((worker for worker in self._workers if not worker.in_use), None)
            worker = free or self._new()
            if not free:
                self._workers.append(worker)
            worker.in_use = True
            return worker

    def restart(self) -> str | None:
        """Start a process with the code as it is now, for later calls; if it does not run, keep the others.

        Returns its traceback in that case.
        """
        worker = self._new()
        try:
            lambda_runtime.ensure_spawned(worker)
        except (RuntimeError, OSError) as error:
            self._failed = True
            worker.kill()
            return str(error)
        self._failed = False
        self._retire([worker])
        libraries = {name for name in worker.modules() if name.partition(".")[0] not in ("functions", "common")}
        new = libraries - self._imported
        if new and self._parent.invoke({"libraries": sorted(new)}, "libraries")["status"] == "ok":
            self._imported |= new
        return None

    def _retire(self, successors: list[_TreeWorker]) -> None:
        with _lock:
            workers, self._workers = self._workers, successors
            for worker in workers:
                worker.retired = True
            idle = [worker for worker in workers if not worker.in_use]
        lambda_runtime.kill_workers(idle)

    def concerns(self, modules: Iterable[str]) -> bool:
        """Whether a process must be restarted when these modules have changed."""
        loaded = [worker.modules() for worker in list(self._workers)]
        # A process without modules has ended.
        return self._failed or not loaded or any(not names or not names.isdisjoint(modules) for names in loaded)

    def end(self) -> None:
        """End its processes; a call still ends by itself."""
        self._retire([])
        self._parent.kill()


def live() -> dict[str, tuple[dict[str, Any], bytes]]:
    """Configuration and package of each function that has an alias, by name."""
    found = {}
    for name, function in lambda_svc._functions.items():
        for alias in list(function.get("aliases", {}))[:1]:
            record, config = lambda_svc._effective_func_record_for_qualifier(function, alias)
            found[name] = (config, record["code_zip"])
    return found


def _restart(modules: list[str] | None) -> dict[str, str | None]:
    """Restart the functions that modules concern, all without modules; returns a traceback for each that fails."""
    root = claims.claimed(_FILE)
    if root is None:
        return {}
    current = live()
    if any(function.root != root for function in list(_functions.values())):
        # Those of a watch of another tree that ended just now.
        _end_all()
    with _lock:
        if not _functions:
            threading.Thread(target=_end_with_claim, daemon=True).start()
        missing = {name: _TreeFunction(root, *current[name]) for name in current.keys() - _functions.keys()}
        _functions.update(missing)
        functions = dict(_functions)
    with ThreadPoolExecutor(max_workers=4) as pool:
        concerned = pool.map(lambda one: modules is None or one.concerns(modules), functions.values())
        chosen = {name: functions[name] for name, yes in zip(functions, concerned, strict=True) if yes}
        return dict(zip(chosen, pool.map(_TreeFunction.restart, chosen.values()), strict=True))


def _end_with_claim() -> None:
    with claims.released(_FILE):
        _end_all()


def _end_all() -> None:
    with _lock:
        functions = list(_functions.values())
        _functions.clear()
    for function in functions:
        function.end()


@replaces(lambda_svc, "acquire_worker")
def run_tree(acquire: Function, name: str, config: dict[str, Any], code: bytes, **more: Any) -> Any:
    """Run calls of an alias from the tree, if there is one in which the function runs."""
    function = _functions.get(name)
    if function is None or not function.runs or not of_alias(config):
        return acquire(name, config, code, **more)
    if config["Version"] != function.config["Version"]:
        # `make up` has deployed another package, with perhaps other libraries.
        successor = _TreeFunction(function.root, config, code)
        with _lock:
            current = name in _functions and _functions[name] is function
            if current:
                _functions[name] = successor
        if not current:
            return run_tree(acquire, name, config, code, **more)
        function.end()
        function = successor
    return function.acquire(), "reused"


@replaces(lambda_svc, "release_worker")
def end_retired(release: Function, worker: Any) -> None:
    """End a process whose code was replaced during its call."""
    release(worker)
    if isinstance(worker, _TreeWorker) and worker.retired:
        worker.kill()


@replaces(gateway, "app")
async def restart_functions(serve: Function, scope: dict[str, Any], receive: Function, send: Function) -> None:
    """Restart functions on request, `{"modules": […]}` or `{}` for all; respond with their errors by name."""
    if scope["type"] != "http" or scope["path"] != "/_harness/tree" or scope["method"] != "POST":
        await serve(scope, receive, send)
        return
    await respond_json(receive, send, lambda request: _restart(request.get("modules")))
