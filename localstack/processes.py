"""Processes of a stack, which outlive the command that starts them, and the ports that they listen on."""

import os
import resource
import secrets
import socket
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from localstack import log_files
from localstack.stack import IDENTITY_VARIABLE, NO_AWS_FILES, PROCESS_VARIABLE, Running
from tooling.polling import DeadlineError, poll

_START_SECONDS = 30

# What processes of a stack inherit from the shell: where programs and libraries are, and nothing that changes what
# they do, such as proxies, profiles and locales.
_INHERITED = ("PATH", "HOME", "USER", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")

_KILLED_SECONDS = 30
_INTERVAL_SECONDS = 0.01
# Descriptors that a process may have, where more than the shell's are allowed; macOS refuses more than this.
_DESCRIPTORS = 10_240
# Ids of the processes that this one has started and not collected.
_started: set[int] = set()


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
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            # The process is unknown if it is another user's, or in another container.
            found = connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
            if found and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    return "a process of another user or container"


def last_line(log: Path) -> str:
    """The last line of a log, for the error of a process that has ended."""
    return (log.read_text().splitlines() or ["nothing"])[-1]


def environment(**variables: str) -> dict[str, str]:
    """Environment of a process of a stack: these variables, and the few that it inherits from the shell."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, **NO_AWS_FILES, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", **variables}


def start(command: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path) -> Running:
    """Start a process in a new session with these environment variables only; its output is appended to a log file."""
    identity = secrets.token_hex(8)
    _raise_descriptor_limit()
    log.parent.mkdir(parents=True, exist_ok=True)
    log_files.trim(log)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, IDENTITY_VARIABLE: identity},
            cwd=cwd,
            start_new_session=True,
        )
    _started.add(process.pid)
    running = Running(process.pid, identity)
    # Linux shows the environment of a program a moment after it has begun.
    poll(f"{command[0]} has started", lambda: alive(running) or process.poll() is not None or None, _START_SECONDS)
    # It outlives this process, which Popen would warn about.
    process.returncode = 0
    return running


def _raise_descriptor_limit() -> None:
    """Let the processes that are started from now on have more descriptors, where the hard limit allows it.

    Shells give 256 on macOS, which an engine with its functions can use up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _find(running: Running | None) -> psutil.Process | None:
    # The id can be another process's by now, such as after a restart of the machine. The start of a process does not
    # tell them apart: Linux computes it from a clock that is set, such as after a laptop wakes.
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process = psutil.Process(running.pid) if running else None
        if running and process and process.environ().get(IDENTITY_VARIABLE) == running.identity:
            return process if process.status() != psutil.STATUS_ZOMBIE else None
    return None


def alive(running: Running | None) -> bool:
    """Whether a process runs."""
    return _find(running) is not None


def serves(running: Running | None, port: int) -> bool:
    """Whether a process listens on a port itself: another may have taken the one that it was given."""
    with suppress(psutil.Error):
        if process := _find(running):
            connections = process.net_connections("tcp")
            return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)
    return False


def unreadable(running: Running | None, port: int) -> bool:
    """Whether nobody can tell if a process runs: it may not be read, as one of another user, and its port is taken."""
    with suppress(psutil.NoSuchProcess):
        try:
            if running:
                psutil.Process(running.pid).environ()
        except psutil.AccessDenied:
            return listens(port)
    return False


def name(running: Running | None, port: int) -> str | None:
    """What to call a process with a port in an error, if it runs, or may run."""
    if running and alive(running):
        return f"process {running.pid}"
    return f"process {running.pid}, which cannot be read" if running and unreadable(running, port) else None


def _environments() -> Iterator[tuple[int, Mapping[str, str]]]:
    """The id and the environment variables of each process of this user."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            yield process.pid, process.environ()


def find(variable: str, value: str) -> list[Running]:
    """Find the processes of this user that have an environment variable with a value."""
    return [
        Running(pid, variables.get(IDENTITY_VARIABLE, ""))
        for pid, variables in _environments()
        if variables.get(variable) == value
    ]


def stacks() -> set[str]:
    """The folders of this user's stacks that have a process."""
    return {variables[PROCESS_VARIABLE] for _, variables in _environments() if variables.get(PROCESS_VARIABLE)}


def stop(running: Running | None, seconds: float = 10) -> None:
    """Terminate a process and its children, if it still runs, and kill what is left after so many seconds."""
    process = _find(running)
    if process is None:
        return
    family = [process, *_children(process)]
    process.terminate()
    with suppress(DeadlineError):
        _wait(family[:1], seconds)
    _kill(family)


def kill(running: Iterable[Running]) -> None:
    """Kill processes and their children at once, and wait until they are gone; those that have ended are left alone."""
    found = [process for each in running if (process := _find(each))]
    _kill({each for process in found for each in (process, *_children(process))})


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def _kill(found: Collection[psutil.Process]) -> None:
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    # A busy machine may take a while to end them.
    _wait(found, _KILLED_SECONDS)
    for process in found:
        if process.pid in _started:
            _started.remove(process.pid)
            # One that ended at once was collected when it started.
            with suppress(ChildProcessError):
                os.waitpid(process.pid, 0)


def _wait(found: Collection[psutil.Process], seconds: float) -> None:
    """Wait until processes have ended; in a container, nobody may ever collect them afterwards, so psutil would wait.

    Raises DeadlineError: one still runs after so many seconds.
    """

    def ended(process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return process.status() == psutil.STATUS_ZOMBIE or not process.is_running()
        return True

    poll("the processes have ended", lambda: all(map(ended, found)) or None, seconds, _INTERVAL_SECONDS)
