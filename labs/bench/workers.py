"""The processes that a stack's functions run in, beside the engine's own."""

from typing import NamedTuple

import psutil

from localstack.stack import Stack, StackError


class Worker(NamedTuple):
    """A process of a function.

    Args:
        function: its AWS name.
        access_key: of its role's session; all processes of a version have the same.
        process: of this machine.
    """

    function: str
    access_key: str
    process: psutil.Process


def _engine(stack: Stack) -> psutil.Process:
    try:
        return psutil.Process(stack.running["engine"].pid)
    except (KeyError, psutil.NoSuchProcess):
        raise StackError(f"the engine of the stack in {stack.directory} does not run: run `make up`") from None


def workers(stack: Stack) -> list[Worker]:
    """The functions' processes, as they are now.

    Raises:
        StackError: the engine does not run on this machine.
    """
    found = []
    for process in _engine(stack).children(recursive=True):
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if "AWS_LAMBDA_FUNCTION_NAME" in environment:
            found.append(
                Worker(environment["AWS_LAMBDA_FUNCTION_NAME"], environment.get("AWS_ACCESS_KEY_ID", ""), process)
            )
    return found


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """The processor time that each function has used so far, by its AWS name, and the engine, as `engine`.

    Raises:
        StackError: the engine does not run on this machine.
    """
    used = {"engine": _used(_engine(stack))}
    for worker in workers(stack):
        used[worker.function] = used.get(worker.function, 0) + _used(worker.process)
    return used


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
