"""What the labs measure of a stack's processes, which end when the engine replaces them."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from labs import processes
from labs.processes import Worker
from localstack.stack import Running, Stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack whose engine is this process."""
    return Stack(tmp_path, running={"engine": Running(os.getpid(), "")})


@pytest.fixture
def ended() -> psutil.Process:
    """A process that has ended after it was found."""
    with subprocess.Popen(["sleep", "60"]) as process:
        found = psutil.Process(process.pid)
        process.kill()
    return found


def test_cpu_seconds_of_ended_worker_are_left_out(
    stack: Stack, ended: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that ends meanwhile has no processor time, and the others have."""
    found = [Worker("get_order", "", ended), Worker("list_orders", "", psutil.Process())]
    monkeypatch.setattr(processes, "workers", lambda _: found)
    assert [*processes.cpu_seconds(stack)] == ["engine", "list_orders"]


def test_memory_of_ended_worker_is_left_out(
    stack: Stack, ended: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that ends meanwhile has no memory, and the engine has."""
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [ended])
    assert processes.engine_memory(stack) > 0
