"""Processes of the stack that outlive the command that starts them, and the ports that they listen on."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from localstack.stack import StackError

# By id: a Popen that is let go of warns of the process that it leaves running.
_started: dict[int, subprocess.Popen[bytes]] = {}


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def owner(port: int) -> str:
    """Who listens on a port, for people."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    except (psutil.Error, TypeError):
        pass
    return "a process of another user"


def require_free(port: int, use: str, variable: str) -> None:
    """Check that a port can be taken.

    Raises:
        StackError: it is taken; names the port, its owner, and the variable that chooses another.
    """
    if listens(port):
        raise StackError(
            f"port {port}, wanted for the {use}, is taken by {owner(port)}: stop it, or choose another port with "
            f"`make up {variable}=…`"
        )


def start(command: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path) -> int:
    """Start a process of its own session, its output to a log file, and return its id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
    _started[process.pid] = process
    return process.pid


def alive(pid: int | None) -> bool:
    """Whether a process runs."""
    if pid is None:
        return False
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def stop(pid: int | None, seconds: float = 10) -> None:
    """End a process and what it started: asked first, killed if it has not gone in time."""
    if pid is None or not alive(pid):
        return
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    os.kill(pid, signal.SIGTERM)
    _, remaining = psutil.wait_procs(family[:1], timeout=seconds)
    for process in [*remaining, *family[1:]]:
        if process.is_running():
            process.kill()
    psutil.wait_procs(family, timeout=seconds)
    if pid in _started:
        _started.pop(pid).wait(seconds)
