"""Processes of a stack, which outlive the command that starts them, and the ports that they listen on."""

import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from localstack.stack import Running, StackError

# By id; a Popen that is garbage-collected warns about the process that it leaves running.
_started: dict[int, subprocess.Popen[bytes]] = {}


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def owner(port: int) -> str:
    """Describe the process that listens on a port."""
    with suppress(psutil.Error, TypeError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    return "a process of another user"


def require_free(port: int, use: str, variable: str) -> None:
    """Raise StackError if a port is taken, with its owner, and the variable that chooses another."""
    if listens(port):
        advice = f"stop it, or choose another port with `make up {variable}=…`"
        raise StackError(f"port {port}, needed for the {use}, is taken by {owner(port)}: {advice}")


def start(command: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path) -> Running:
    """Start a process in a new session with these environment variables only; its output is appended to a log file."""
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
    return Running(process.pid, psutil.Process(process.pid).create_time())


def _find(running: Running | None) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(running.pid) if running else None
        # Another process may have the id by now, such as after a restart of the machine.
        if running and process and process.create_time() == running.started:
            return process if process.status() != psutil.STATUS_ZOMBIE else None
    return None


def alive(running: Running | None) -> bool:
    """Whether a process runs."""
    return _find(running) is not None


def find(variable: str, value: str) -> list[Running]:
    """Find the processes of this user that have an environment variable with a value."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(variable) == value:
                found.append(Running(process.pid, process.create_time()))
    return found


def stop(running: Running | None, seconds: float = 10) -> None:
    """Terminate a process and its children, if it still runs, and kill what is left after so many seconds."""
    process = _find(running)
    if process is None:
        return
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, remaining = psutil.wait_procs(family[:1], timeout=seconds)
    for left in [*remaining, *family[1:]]:
        if left.is_running():
            left.kill()
    psutil.wait_procs(family, timeout=seconds)
    if process.pid in _started:
        _started.pop(process.pid).wait(seconds)
