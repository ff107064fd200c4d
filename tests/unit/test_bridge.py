"""Containers reach the sidecars of their own stack, and nothing else does; addresses of the loopback stand for both."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from localstack import processes
from tooling.paths import ROOT
from tooling.polling import poll

# Of the bridge, of a container of the stack, and of one of another.
BRIDGE, CONTAINER, STRANGER = "127.9.0.1", "127.9.1.5", "127.9.2.5"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a sidecar on 127.0.0.1 that repeats what it gets, with a bridge in front."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]

        def repeat() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(read(connection))

        threading.Thread(target=repeat, daemon=True).start()
        command = [sys.executable, "-m", "localstack.sidecars.bridge", BRIDGE, "127.9.1.0/24,127.9.3.0/24", str(number)]
        running = processes.start(command, tmp_path / "log", processes.environment(), ROOT)
        try:
            poll("the bridge listens", lambda: call(BRIDGE, number, CONTAINER) == "hello" or None, 30)
            yield number
        finally:
            processes.stop(running)
            server.shutdown(socket.SHUT_RDWR)


def read(connection: socket.socket) -> bytes:
    """Everything that the other side sends."""
    return b"".join(iter(lambda: connection.recv(1_000), b""))


def call(address: str, port: int, source: str) -> str | None:
    """What a sidecar returns to a caller, empty if the connection is closed; None if nothing listens there."""
    try:
        with socket.create_connection((address, port), timeout=10, source_address=(source, 0)) as connection:
            # The bridge may have closed a stranger's connection before or during each of these calls.
            with suppress(OSError):
                connection.sendall(b"hello")
                connection.shutdown(socket.SHUT_WR)
                return read(connection).decode()
            return ""
    except ConnectionRefusedError:
        return None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Docker Desktop does what the bridge does")
def test_only_own_containers_reach_sidecars(port: int) -> None:
    """A container of the stack reaches the sidecar; another's connection is closed, and other addresses are closed."""
    assert call(BRIDGE, port, CONTAINER) == "hello"
    assert call(BRIDGE, port, STRANGER) == ""
    assert call("127.9.0.2", port, CONTAINER) is None
    assert call("127.0.0.1", port, "127.0.0.1") == "hello"
