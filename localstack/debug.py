"""`bin/ops stack debug`: a debugger enters one function of the local stack, which has no timeouts meanwhile."""

import json
import math
import os
from importlib.util import find_spec
from pathlib import Path

from localstack import claims, debug_states, engines, processes, redeploy
from localstack.engines.ministack import MiniStack, harness
from localstack.run_tree import blame, exclusive_claim
from localstack.stack import Stack, StackError
from localstack.up import console
from tooling.paths import ROOT
from tooling.polling import poll

HOST = "127.0.0.1"
# The port of .vscode/launch.json.
PORT = 5678
# The function's process imports the debugger.
_START_SECONDS = 60
_CHECK_SECONDS = 0.2


def debug(folder: str, port: int) -> None:
    """Let a debugger enter a function until Ctrl-C: its process runs this tree and waits for the debugger to attach.

    Raises StackError: there is no stack on the embedded engine, it runs a release, the port is taken, another function
    is debugged, or the function does not run.
    """
    stack = engines.require()
    if stack.engine != MiniStack.name:
        raise StackError(f"functions on {stack.engine} cannot be debugged: run `make down`, then `make up`")
    redeploy.require_tree(stack)
    if processes.listens(port):
        raise StackError(f"port {port} is taken by {processes.owner(port)}: choose another with --port")
    settings = {
        "function": stack.outputs["function_names"][folder],
        "root": str(ROOT),
        "port": port,
        "libraries": _libraries(),
        # Distinguishes commands.
        "command": os.getpid(),
    }
    began = False
    try:
        with exclusive_claim(stack.debug_file, json.dumps(settings), "`bin/ops stack debug`"):
            began = True
            _debug(stack, folder, port)
    finally:
        if began:
            ended = debug_states.ENDED
            poll("the engine ends the debugged function", lambda: _state(stack) == ended or None, _START_SECONDS)
            console.print(f"{folder} runs without the debugger again, and with its timeouts", soft_wrap=True)


def debugged(stack: Stack) -> str | None:
    """The folder of the function that is debugged, if any."""
    claim = claims.claimed(stack.debug_file)
    names = {name: folder for folder, name in stack.outputs["function_names"].items()}
    return names[json.loads(claim)["function"]] if claim else None


def _libraries() -> str:
    debugpy = find_spec("debugpy")
    if debugpy is None or debugpy.origin is None:
        raise StackError("debugpy is missing: run `make setup`")
    return str(Path(debugpy.origin).parent.parent)


def launch_configuration(port: int) -> dict[str, object]:
    """The configuration of Visual Studio Code that attaches to the function."""
    return {
        "name": "Attach to a function of the local stack",
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": HOST, "port": port},
    }


def _debug(stack: Stack, folder: str, port: int) -> None:
    harness(stack, "debug")
    state = _wait_while(stack, debug_states.STARTS, _START_SECONDS)
    if state == debug_states.WAITS:
        console.print(_explanation(folder, port), soft_wrap=True, markup=False)
        state = _wait_while(stack, debug_states.WAITS)
    if state == debug_states.ATTACHED:
        console.print("a debugger is attached", soft_wrap=True)
        state = _wait_while(stack, debug_states.ATTACHED)
    raise StackError(f"{folder} does not run: {blame(state)}\nThen run the command again.")


def _explanation(folder: str, port: int) -> str:
    configuration = json.dumps(launch_configuration(port), indent=2).replace("\n", "\n  ")
    return f"""{folder} waits for a debugger on {HOST}:{port}; its calls wait too, without timeouts.

Visual Studio Code: Run and Debug, with this configuration, which .vscode/launch.json has for port {PORT}:
  {configuration}
PyCharm: Run | Edit Configurations | Add New Configuration | Attach to DAP, remote address {HOST}:{port}

Set a breakpoint, attach, then send a request. Ctrl-C ends the debugging."""


def _state(stack: Stack) -> str:
    state: str = harness(stack, "debug", method="GET")
    return state


def _wait_while(stack: Stack, state: str, seconds: float = math.inf) -> str:
    """Wait until the function's state is another, and return that."""

    def attempt() -> str | None:
        current = _state(stack)
        return None if current == state else current

    return poll(f"the debugged function no longer {state}", attempt, seconds, _CHECK_SECONDS)
