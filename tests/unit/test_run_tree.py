"""What `make watch` and `bin/ops stack debug` refuse and report before they call the engine, and what they request."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from localstack import debug, debug_states, engines, redeploy, run_tree
from localstack.stack import Stack, StackError
from release.packaging import build, libraries
from tooling.paths import ROOT

NAMES = {folder: f"bbws-{folder}" for folder in build.function_names()}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack on the embedded engine with all functions of this tree."""
    stack = Stack(tmp_path, outputs={"function_names": NAMES})
    monkeypatch.setattr(engines, "require", lambda: stack)
    return stack


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the engine is requested to do; it restarts get_order and fails to restart list_orders."""
    requests: list[object] = []
    traceback = (
        f"Traceback:\n  File \"{ROOT}/common/order.py\", line 7, in <module>\nNameError: name 'x' is not defined\n"
    )

    def respond(_: Stack, path: str, body: object) -> dict[str, str | None]:
        requests.append((path, body))
        return {NAMES["get_order"]: None, NAMES["list_orders"]: traceback, "function of others": None}

    monkeypatch.setattr(run_tree, "harness", respond)
    return requests


def test_restart_asks_for_modules_and_names_lines(stack: Stack, asked: list[object]) -> None:
    """Saved files are named as modules; what was restarted is named by folder, what failed by its line."""
    saved = [ROOT / "functions/get_order/handler.py", ROOT / "common/__init__.py", ROOT / "common/notes.txt"]
    done = run_tree.restart(stack, saved)
    assert asked == [("tree", {"modules": ["functions.get_order.handler", "common"]})]
    assert done == (["get_order"], [], ["common/order.py:7: NameError: name 'x' is not defined"])


def test_restart_after_template_concerns_its_readers(
    stack: Stack, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed template is uploaded first, and restarts the functions that read templates; an equal one nothing."""
    uploads = [["customer/mail.txt"], []]
    monkeypatch.setattr(redeploy, "upload_templates", lambda _: uploads.pop(0))
    saved = [ROOT / "templates/customer/mail.txt"]
    assert run_tree.restart(stack, saved).templates == ["customer/mail.txt"]
    assert run_tree.restart(stack, saved).templates == []
    assert asked == [("tree", {"modules": ["common.templates"]}), ("tree", {"modules": []})]


def test_restart_without_files_concerns_all(stack: Stack, asked: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    """At its start the watch uploads what differs and starts all functions."""
    monkeypatch.setattr(redeploy, "upload_templates", lambda _: [])
    run_tree.restart(stack, None)
    assert asked == [("tree", {"modules": None})]


def test_source_of_says_which_tree_runs(stack: Stack) -> None:
    """The status can say which tree the functions run from, while a watch runs."""
    assert run_tree.source_of(stack) is None
    with run_tree.run_tree(stack):
        assert run_tree.source_of(stack) == str(ROOT)


def test_debug_other_engine_is_refused(stack: Stack) -> None:
    """Only functions of the embedded engine can be debugged: nothing that is deployed."""
    stack.engine = "localstack-host"
    with pytest.raises(StackError, match="functions on localstack-host cannot be debugged: run `make down`"):
        debug.debug("get_order", debug.PORT)


def test_debug_of_release_is_refused(stack: Stack) -> None:
    """A stack that runs a release has other code than this tree."""
    stack.release = "release"
    with pytest.raises(StackError, match="the stack runs the release in release"):
        debug.debug("get_order", debug.PORT)


def test_debug_taken_port_is_refused(stack: Stack) -> None:
    """A port that is taken is refused, with its owner and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} is taken by .*: choose another with --port"):
            debug.debug("get_order", port)


def test_debug_prints_how_to_attach_until_the_function_ends(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says how to attach, then that a debugger is attached, then why the function ended."""
    failure = f'  File "{ROOT}/functions/get_order/handler.py", line 3\nSyntaxError: invalid syntax'
    states = iter(["starts", "waits", "waits", "attached", failure, failure, debug_states.ENDED])
    claims: list[Any] = []

    def respond(stack: Stack, path: str, method: str = "POST") -> str:
        assert path == "debug"
        if method == "POST":
            claims.append((json.loads(stack.debug_file.read_text()), debug.debugged(stack)))
        return next(states) if method == "GET" else "starts"

    monkeypatch.setattr(debug, "harness", respond)
    monkeypatch.setattr(debug, "_CHECK_SECONDS", 0.001)
    with pytest.raises(StackError, match=r"get_order does not run: functions/get_order/handler\.py:3: SyntaxError"):
        debug.debug("get_order", 45_678)
    [(claim, folder)] = claims
    assert (claim["function"], claim["root"], claim["port"], folder) == (
        NAMES["get_order"],
        str(ROOT),
        45_678,
        "get_order",
    )
    assert (Path(claim["libraries"]) / "debugpy" / "__init__.py").exists()
    assert debug.debugged(stack) is None
    printed = capsys.readouterr().out
    assert "get_order waits for a debugger on 127.0.0.1:45678; its calls wait too" in printed
    assert '"port": 45678' in printed
    assert "Attach to DAP, remote address 127.0.0.1:45678" in printed
    assert printed.endswith(
        "a debugger is attached\nget_order runs without the debugger again, and with its timeouts\n"
    )


def test_launch_configuration_is_that_of_repository() -> None:
    """The configuration that the command prints for its own port is the one in .vscode/launch.json."""
    shipped = json.loads((ROOT / ".vscode" / "launch.json").read_text())
    assert shipped["configurations"] == [debug.launch_configuration(debug.PORT)]


def test_debugger_is_in_no_package() -> None:
    """The debugger is a library of the tests: no package has it, so it cannot run in AWS."""
    assert "\ndebugpy==" in (ROOT / "requirements" / "dev.txt").read_text()
    for group in libraries.GROUPS:
        assert "debugpy" not in group.lock_file.read_text()
