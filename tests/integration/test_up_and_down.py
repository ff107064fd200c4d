"""The processes of a stack: started together, and all gone after `make down`."""

import os
import signal
import time
from pathlib import Path

import pytest
import requests

from localstack import engines, processes, up
from localstack.engines import ministack
from localstack.engines.ministack import MiniStack
from localstack.stack import PROCESS_VARIABLE, Stack, StackError
from tooling.polling import poll

USES = ("engine", "cart", "console")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's cache without snapshots."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def start(stack: Stack) -> up._Began:
    """Start what does not run of a stack."""
    engine = MiniStack()
    return up._start(stack, engine, up._start_sidecars(stack, engine))


def test_down_leaves_no_process_and_no_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`make down` ends the engine, its functions and the sidecars at once, also those that stack.json does not name."""
    stack = Stack(tmp_path, ports={use: processes.free_port() for use in USES})
    try:
        assert start(stack) is up._Began.EMPTY
        assert "no snapshot has these inputs" in capsys.readouterr().out
        assert all(processes.listens(stack.ports[use]) for use in ("engine", "cart"))
        poll("the console listens", lambda: processes.listens(stack.ports["console"]) or None, 60)
        assert requests.get(stack.console_url, timeout=30).status_code == 503, "there is no finished stack yet"
        stack.running.pop("cart_stub")
    finally:
        started = time.monotonic()
        up.down(stack)
    assert processes.find(PROCESS_VARIABLE, str(tmp_path)) == []
    assert not any(processes.listens(stack.ports[use]) for use in USES)
    assert not stack.engine_dir.exists()
    assert not (tmp_path / "stack.json").exists()
    # A console that is terminated, and not killed, waits for its clients.
    assert time.monotonic() - started < 10


def test_start_again_keeps_what_runs(tmp_path: Path) -> None:
    """A second start leaves the processes that run alone, and starts the ones that have ended."""
    stack = Stack(tmp_path, ports={use: processes.free_port() for use in USES}, outputs={"api_id": "a"})
    try:
        start(stack)
        stack.outputs = {"api_id": "a"}
        before = dict(stack.running)
        processes.stop(stack.running["cart_stub"])
        assert start(stack) is up._Began.RUNNING
        changed = {name for name, running in stack.running.items() if running != before[name]}
        assert changed <= {"cart_stub", "console"}
        assert stack.running["engine"] == before["engine"]
        assert processes.listens(stack.ports["cart"])
    finally:
        up.down(stack)


def test_engine_that_hangs_is_reported_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not respond is not replaced: it may be busy, and its orders would be gone."""
    stack = Stack(tmp_path, ports={use: processes.free_port() for use in USES})
    try:
        start(stack)
        running, stack.outputs = stack.running["engine"], {"api_id": "a"}
        stack.save()
        os.kill(running.pid, signal.SIGSTOP)
        monkeypatch.setattr(ministack, "_RESPONSE_SECONDS", 0.5)
        with pytest.raises(StackError, match=f"the engine, process {running.pid}, runs but does not respond"):
            start(stack)
        with pytest.raises(StackError, match=f"process {running.pid}, does not respond: wait, or end it with `make do"):
            engines.require(tmp_path)
        assert stack.running["engine"] == running
        assert stack.engine_dir.exists()
        monkeypatch.undo()
        os.kill(running.pid, signal.SIGCONT)
        assert engines.require(tmp_path) == stack
        processes.kill([running])
        with pytest.raises(StackError, match="has ended, and its orders are gone: `make up` starts an empty one"):
            engines.require(tmp_path)
    finally:
        up.down(stack)


def test_engine_on_the_port_of_another_is_refused(tmp_path: Path) -> None:
    """A start at the same time as another's, on its port, says who has the port and never uses the other's engine."""
    port, engine = processes.free_port(), MiniStack()
    first, second = (Stack(tmp_path / name, ports={"engine": port}) for name in ("first", "second"))
    try:
        engine.start(first)
        taken = f"port {port}, needed for the engine, is taken by python.*, process {first.running['engine'].pid}:"
        with pytest.raises(StackError, match=taken):
            engine.start(second)
        assert not processes.alive(second.running["engine"])
        assert engine.healthy(first)
    finally:
        engine.stop(second)
        engine.stop(first)


def test_cart_stub_on_the_port_of_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Cart service that started at the same time as another's, on its port, says who has the port."""
    port = processes.free_port()
    first, second = (Stack(tmp_path / name, ports={"cart": port}) for name in ("first", "second"))
    try:
        up.start_cart_stub(first)
        # Both have seen a free port.
        monkeypatch.setattr(processes, "listens", lambda _: False)
        up._start_sidecar(second, "cart_stub")
        monkeypatch.undo()
        with pytest.raises(StackError, match=rf"needed for the cart stub, .* {first.running['cart_stub'].pid}:"):
            up._wait_for_sidecar(second, "cart_stub")
        assert not processes.alive(second.running["cart_stub"])
    finally:
        processes.kill([*first.running.values(), *second.running.values()])
