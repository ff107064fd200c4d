"""The embedded engine where a process may have only 256 descriptors, as on macOS."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests

from localstack import log_files, processes
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack
from tooling.polling import poll

DESCRIPTORS = 256
REQUEST = b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="only Linux limits a process that runs")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose engine may have 256 descriptors."""
    stack = Stack(tmp_path, ports={"engine": processes.free_port()})
    try:
        MiniStack().start(stack)
        psutil.Process(stack.running["engine"].pid).rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        yield stack
    finally:
        MiniStack().stop(stack)


def connections(stack: Stack) -> int:
    """How many descriptors of the engine are sockets of clients."""
    found = psutil.Process(stack.running["engine"].pid).net_connections("tcp")
    return sum(each.status != psutil.CONN_LISTEN and each.laddr.port == stack.ports["engine"] for each in found)


def test_closed_connections_use_no_descriptors(stack: Stack) -> None:
    """Three hundred clients, one after another, leave no descriptor behind when they close their connections."""
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", stack.ports["engine"]), timeout=10) as client:
            client.sendall(REQUEST)
            assert client.recv(12) == b"HTTP/1.1 200"
    poll("the engine closes its connections", lambda: connections(stack) == 0 or None, 10)


def test_too_many_clients_are_survived(stack: Stack) -> None:
    """While more clients are connected than the engine has descriptors, its log hardly grows; then it goes on."""
    log = stack.logs_dir / "engine.log"
    with ExitStack() as clients:
        for _ in range(DESCRIPTORS + 50):
            clients.enter_context(socket.create_connection(("127.0.0.1", stack.ports["engine"]), timeout=10))
        process = psutil.Process(stack.running["engine"].pid)
        poll("the engine has no descriptor left", lambda: process.num_fds() >= DESCRIPTORS or None, 20)
        poll("the engine logs it", lambda: "out of system resource" in log.read_text() or None, 20)
        before = process.num_ctx_switches().voluntary
        # asyncio wakes and tries again each second: with its own handler, each time it writes hundreds of tracebacks.
        poll("it has tried again", lambda: process.num_ctx_switches().voluntary > before + 5 or None, 20)
    assert log.read_text().count("out of system resource") == 1
    poll("the engine responds", lambda: MiniStack().healthy(stack) or None, 20)


def test_log_is_bounded(stack: Stack) -> None:
    """A log that has become too large is emptied while the engine runs, and goes on."""
    log = stack.logs_dir / "engine.log"
    with log.open("ab") as file:
        file.write(b"x" * (log_files.LIMIT_BYTES + 1))
    poll("the log is emptied", lambda: log.stat().st_size < log_files.LIMIT_BYTES or None, 20)
    requests.post(f"{stack.endpoint}/_ministack/reset", timeout=20).raise_for_status()
    poll("the engine logs", lambda: "reset" in log.read_text().lower() or None, 20)
