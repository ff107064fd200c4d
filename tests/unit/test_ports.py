"""The ports of a stack."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from localstack import ports, processes, up
from localstack.stack import PROCESS_VARIABLE, Running, Stack, StackError
from tests.support import command_lines

USES = ("engine", "cart")
ANOTHER = "a process of another user or container"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that this process listens on, as the engine's default."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        monkeypatch.setitem(ports.DEFAULTS, "engine", ("PORT", port))
        # The stack of `make up` may be on the default.
        monkeypatch.setitem(ports.DEFAULTS, "cart", ("CART_PORT", processes.free_port()))
        yield port


def test_choose_taken_default_moves_and_remembers(tmp_path: Path, taken: int) -> None:
    """A second stack moves to a free port, says why, and keeps that port after it is down."""
    first = Stack(tmp_path)
    moved = ports.choose(first, USES, {})
    assert moved == {"engine": moved["engine"]}
    assert f"port {taken} is taken by" in moved["engine"]
    assert first.ports["engine"] != taken
    again = Stack(tmp_path)
    assert ports.choose(again, USES, {}) == {}
    assert again.ports == first.ports


def test_choose_unknown_owner_is_not_this_process(tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that a process of another user or container has is not said to be this process's."""
    # As psutil reports those connections.
    unknown = [connection._replace(pid=None) for connection in psutil.net_connections("tcp")]
    monkeypatch.setattr(psutil, "net_connections", lambda kind: unknown)
    assert ports.choose(Stack(tmp_path), USES, {})["engine"] == f"port {taken} is taken by {ANOTHER}"


def test_choose_given_taken_ports_names_all(tmp_path: Path, taken: int) -> None:
    """Ports that the user chose are never replaced: all that are taken are reported at once."""
    with pytest.raises(StackError) as refused:
        ports.choose(Stack(tmp_path), USES, {"engine": taken, "cart": taken})
    text = str(refused.value)
    assert text.count(f"port {taken} (") == 2
    assert "make up CART_PORT=… PORT=…" in text


def test_choosing_waits_for_another_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stacks that start at the same time do not choose the same port: the second sees that of the first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(ports.DEFAULTS, "engine", ("PORT", processes.free_port()))
    chosen, listening = threading.Barrier(2), ExitStack()

    def start(name: str) -> int:
        stack = Stack(tmp_path / name)
        chosen.wait()
        with ports.choosing():
            ports.choose(stack, ("engine",), {})
            listening.enter_context(socket.create_server(("127.0.0.1", stack.ports["engine"])))
        return stack.ports["engine"]

    with listening, ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(start, ("first", "second")))) == 2


def test_choose_ports_of_another_stack_moves(tmp_path: Path, taken: int) -> None:
    """A port of another stack that has a process is taken although nothing listens on it yet."""
    port = ports.DEFAULTS["cart"][1]
    other = Stack(tmp_path / "other", ports={"cart": port})
    variables = processes.environment(**{PROCESS_VARIABLE: str(other.directory)})
    other.running["cart_stub"] = processes.start(["sleep", "60"], tmp_path / "log", variables, tmp_path)
    other.save()
    try:
        moved = ports.choose(Stack(tmp_path / "own"), ("cart",), {})
        assert moved == {"cart": f"port {port} is taken by the stack in {other.directory}"}
        assert ports.choose(Stack(tmp_path / "other"), ("cart",), {}) == {}, "its own ports are its own"
    finally:
        processes.kill(other.running.values())
    assert ports.choose(Stack(tmp_path / "third"), ("cart",), {}) == {}, "a stack that is down has no ports"


def test_choosing_goes_on_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack starts where the user's cache cannot be written, and while another takes very long to start."""
    monkeypatch.setattr(ports, "_CHOICE_SECONDS", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ports.choosing(), ports.choosing():
        pass
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with ports.choosing():
        pass


def test_choose_equal_given_ports_are_refused(tmp_path: Path) -> None:
    """One port for two uses is refused, and nothing is remembered."""
    port = processes.free_port()
    with pytest.raises(StackError, match=rf"port {port} \(PORT\) is taken by the cart of this stack"):
        ports.choose(Stack(tmp_path), USES, {"engine": port, "cart": port})
    assert not (tmp_path / "ports.json").exists()


@pytest.mark.parametrize("remembered", [False, True], ids=["default", "remembered"])
def test_choose_port_of_another_use_moves(tmp_path: Path, taken: int, remembered: bool) -> None:
    """A given port that another use has by default moves that one; two equal ports that are remembered part again."""
    default = ports.DEFAULTS["cart"][1]
    if remembered:
        (tmp_path / "ports.json").write_text(json.dumps(dict.fromkeys(USES, default)))
    stack = Stack(tmp_path)
    moved = ports.choose(stack, USES, {} if remembered else {"engine": default})
    first, second = ("cart", "engine") if remembered else ("engine", "cart")
    assert moved == {second: f"port {default} is taken by the {first} of this stack"}
    assert len(set(stack.ports.values())) == 2


def test_choose_new_use_of_running_stack_moves(tmp_path: Path, taken: int) -> None:
    """What starts on a stack that is up gets a port that neither the stack nor another process has."""
    stack = Stack(tmp_path, ports={"engine": 4575}, running={"engine": Running(1, "x")})
    moved = ports.choose(stack, ("engine", "proxy"), {})
    assert moved == {"proxy": "port 4575 is taken by the engine of this stack"}
    assert stack.ports["engine"] == 4575 != stack.ports["proxy"]


def test_choose_running_stack_keeps_its_ports(tmp_path: Path, taken: int) -> None:
    """A stack that is up keeps its ports, which are taken by itself, and refuses others."""
    stack = Stack(tmp_path, ports={"engine": taken, "cart": taken}, running={"engine": Running(1, "x")})
    assert ports.choose(stack, USES, {"engine": taken}) == {}
    assert stack.ports == {"engine": taken, "cart": taken}
    with pytest.raises(StackError, match="run `make down` first"):
        ports.choose(stack, USES, {"engine": taken + 1})


@pytest.mark.parametrize("content", ["", "[]", '{"engine": "x", "colour": 1}'])
def test_choose_unreadable_memory_is_ignored(tmp_path: Path, content: str) -> None:
    """A damaged memory of ports stops nobody."""
    (tmp_path / "ports.json").write_text(content)
    stack = Stack(tmp_path)
    ports.choose(stack, USES, {}, any_free=True)
    assert set(stack.ports) == set(USES)


@pytest.mark.parametrize("use", ports.DEFAULTS)
def test_require_free_taken_port_advises_a_command_that_make_takes(tmp_path: Path, use: str) -> None:
    """The error of a taken port names the port and its process, and a command if one chooses another port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stack = Stack(tmp_path, ports={use: server.getsockname()[1]})
        with pytest.raises(StackError) as refused:
            ports.require_free(stack, use, "name of it")
    text = str(refused.value)
    assert text.startswith(f"port {stack.ports[use]}, needed for the name of it, is taken by ")
    assert f"process {os.getpid()}" in text
    advised = command_lines.calls(text)
    assert len(advised) == (use not in ("proxy", "issuer"))
    for call in advised:
        command_lines.check(call)
    ports.require_free(stack, use, "name of it")


def test_start_page_taken_port_advises_its_own_command(tmp_path: Path) -> None:
    """The portal whose port is taken says how to open it at another one; `make up` has no port of it."""
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(StackError, match="`make portal PORT=…`"):
        up.start_page(Stack(tmp_path), "portal", server.getsockname()[1])
