"""The processes of a stack: started together, and all gone after `make down`."""

import time
from pathlib import Path

import pytest
import requests

from localstack import processes, up
from localstack.engines.ministack import MiniStack
from localstack.stack import PROCESS_VARIABLE, Stack
from tooling.polling import poll

USES = ("engine", "cart", "console")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's cache without snapshots."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_down_leaves_no_process_and_no_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`make down` ends the engine, its functions and the sidecars at once, also those that stack.json does not name."""
    stack = Stack(tmp_path, ports={use: processes.free_port() for use in USES})
    try:
        assert up._start(stack, MiniStack()), "there is neither state nor snapshot"
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
        up._start(stack, MiniStack())
        stack.outputs = {"api_id": "a"}
        before = dict(stack.running)
        processes.stop(stack.running["cart_stub"])
        assert not up._start(stack, MiniStack())
        changed = {name for name, running in stack.running.items() if running != before[name]}
        assert changed <= {"cart_stub", "console"}
        assert stack.running["engine"] == before["engine"]
        assert processes.listens(stack.ports["cart"])
    finally:
        up.down(stack)
