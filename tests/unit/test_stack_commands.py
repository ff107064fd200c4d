"""Commands of the local stack that decide by what runs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import stack as commands
from localstack import engines, processes
from localstack.stack import PROCESS_VARIABLE, Stack, StackError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """What was called: each start of a stack, and the stack of each order."""
    called: list[object] = []
    monkeypatch.setenv("STACK_DIR", str(tmp_path))
    monkeypatch.setattr(commands, "start_stack", lambda *_, release: called.append(("up", release)))
    monkeypatch.setattr(commands, "place_order", lambda stack: called.append(stack.directory))
    return called


def test_order_without_stack_brings_it_up_first(calls: list[object], tmp_path: Path) -> None:
    """An order on a machine without a stack starts one."""
    assert CliRunner().invoke(commands.app, ["order"]).exit_code == 0
    assert calls == [("up", None), tmp_path]


def test_order_after_engine_ended_brings_the_same_up(calls: list[object], tmp_path: Path) -> None:
    """A stack whose engine has ended runs its release again."""
    ports = {use: processes.free_port() for use in ("engine", "cart")}
    Stack(tmp_path, ports=ports, outputs={"api_id": "a"}, release="/release").save()
    assert CliRunner().invoke(commands.app, ["order"]).exit_code == 0
    assert calls == [("up", Path("/release")), tmp_path]


def test_order_on_stack_starts_nothing(calls: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order on a stack that responds is only placed."""
    monkeypatch.setattr(engines, "require", lambda: Stack(tmp_path))
    assert CliRunner().invoke(commands.app, ["order"]).exit_code == 0
    assert calls == [tmp_path]


def test_status_names_other_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders and ports of this user's other stacks are shown, even if this folder has no stack."""
    other, unreadable = tmp_path / "other", tmp_path / "unreadable"
    Stack(other, ports={"engine": 4570}).save()
    unreadable.mkdir()
    (unreadable / "stack.json").write_text("")
    monkeypatch.setenv("STACK_DIR", str(tmp_path / "own"))
    running = [
        processes.start(
            ["sleep", "60"], tmp_path / "log", processes.environment(**{PROCESS_VARIABLE: str(folder)}), tmp_path
        )
        for folder in (other, unreadable)
    ]
    try:
        done = CliRunner().invoke(commands.app, ["status"])
    finally:
        processes.kill(running)
    printed = done.output.splitlines()
    assert f"another stack runs in {other}, its engine on port 4570" in printed
    assert f"another stack runs in {unreadable}" in printed
    assert isinstance(done.exception, StackError)
