"""`bin/ops stack debug`: an editor's debugger stops in a function of the local stack, at a line of the working tree."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from e2e.tenant import DEADLINE_SECONDS, Tenant
from localstack import debug, engines, processes
from localstack.engines.ministack import MiniStack
from tests.support.dap import DebugClient
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

HANDLER = ROOT / "functions" / "get_order" / "handler.py"
LINE = HANDLER.read_text().splitlines().index("    if found is None and caller.is_admin:") + 1


class Command:
    """The command that debugs a function.

    Args:
        log: File that it prints into.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self.port = processes.free_port()
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cli.ops", "stack", "debug", "get_order", "--port", str(self.port)],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def wait_for(self, text: str) -> None:
        """Wait until the command prints a text."""
        poll(f"the command prints {text!r}", lambda: text in self._log.read_text() or None, DEADLINE_SECONDS)

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit status."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """End the command without notice."""
        self._process.kill()
        self._process.wait(DEADLINE_SECONDS)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """The command for get_order, which waits for a debugger."""
    stack = engines.require()
    if stack.engine != MiniStack.name or stack.release:
        pytest.skip("only functions of the embedded engine that run a working tree can be debugged")
    command = Command(tmp_path / "debug.log")
    try:
        yield command
    finally:
        command.kill()


def get(tenant: Tenant, order_id: str) -> requests.Response:
    """The API's response to a request for an order."""
    return requests.get(
        f"{tenant.platform.api_url}/v1.0/orders/{order_id}",
        headers={"Authorization": f"Bearer {tenant.tokens['IdToken']}"},
        timeout=DEADLINE_SECONDS,
    )


def test_debugger_stops_in_request(command: Command, tenant: Tenant) -> None:
    """A request stops at a breakpoint, shows its order id, and then gets its response; Ctrl-C restores the function."""
    order_id = str(uuid4())
    command.wait_for(f"get_order waits for a debugger on {debug.HOST}:{command.port}")
    with ThreadPoolExecutor(1) as pool, DebugClient(debug.HOST, command.port) as client:
        client.attach({HANDLER: [LINE]})
        command.wait_for("a debugger is attached")
        response = pool.submit(get, tenant, order_id)
        thread, frame = client.stopped()
        assert (frame["source"]["path"], frame["line"], frame["name"]) == (str(HANDLER), LINE, "_find")
        assert client.variables(frame)["order_id"] == f"UUID({order_id!r})"
        assert client.evaluate(frame, "caller.tenant_id") == repr(tenant.id)
        client.proceed(thread)
        assert response.result().status_code == 404
        assert response.result().json()["status"] == 404
    assert command.interrupt() == 130
    command.wait_for("get_order runs without the debugger again, and with its timeouts")
    assert get(tenant, order_id).status_code == 404


def test_killed_command_restores_function(command: Command, tenant: Tenant) -> None:
    """A second command is refused while one runs; when the first is killed, requests need no debugger."""
    command.wait_for("get_order waits for a debugger")
    refused = subprocess.run(
        [sys.executable, "-m", "cli.ops", "stack", "debug", "list_orders", "--port", str(processes.free_port())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert refused.returncode == 1
    assert "another `bin/ops stack debug` runs on the stack" in refused.stderr
    command.kill()
    poll("requests get responses", lambda: get(tenant, str(uuid4())).status_code == 404 or None, DEADLINE_SECONDS)
