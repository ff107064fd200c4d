"""The processes that a stack's functions run in, and what they and the engine use of the processors."""

from contextlib import suppress
from typing import NamedTuple

import psutil

from localstack.stack import Stack, StackError


class Worker(NamedTuple):
    """A process of a function, by its AWS name.

    Those that a call of the alias has started share an access key, and those that a call of the version has started.
    """

    function: str
    access_key: str
    process: psutil.Process


def _engine(stack: Stack) -> psutil.Process:
    try:
        return psutil.Process(stack.running["engine"].pid)
    except (KeyError, psutil.NoSuchProcess):
        raise StackError(f"the engine of the stack in {stack.directory} is not running: run `make up`") from None


def workers(stack: Stack) -> list[Worker]:
    """The processes of the functions; StackError if the engine is not running on this machine."""
    found = []
    for process in _engine(stack).children(recursive=True):
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if name := environment.get("AWS_LAMBDA_FUNCTION_NAME"):
            found.append(Worker(name, environment.get("AWS_ACCESS_KEY_ID", ""), process))
    return found


def memory(stack: Stack) -> dict[str, int]:
    """Bytes of memory (RSS) of the engine, of the stack's other processes, and of each process of a function."""
    found = {name: each.pid for name, each in stack.running.items()}
    found |= {f"{each.function}, process {each.process.pid}": each.process.pid for each in workers(stack)}
    used: dict[str, int] = {}
    for name, pid in found.items():
        with suppress(psutil.NoSuchProcess):
            used[name] = psutil.Process(pid).memory_info().rss
    return used


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """Processor time in seconds that each function has used, by its AWS name, and the engine, as `engine`."""
    used: dict[str, float] = {}
    for name, process in [("engine", _engine(stack)), *((each.function, each.process) for each in workers(stack))]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used[name] = used.get(name, 0.0) + times.user + times.system
    return used


def engine_memory(stack: Stack) -> int:
    """Bytes of memory (RSS) of the engine and all that it started: its tables and the functions."""
    engine, used = _engine(stack), 0
    for process in [engine, *engine.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            used += process.memory_info().rss
    return used
