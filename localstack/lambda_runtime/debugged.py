"""Runs a function from a working tree under a debugger: the process waits for one before it imports the function.

It is a MiniStack worker of the function's package, whose handler is this module's. DEBUGGED has its settings.
"""

import importlib
import json
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from tree import Tree

_PIPES = 3
_SETTINGS = json.loads(os.environ.pop("DEBUGGED"))


class _Debugger:
    """Finds debugpy, and nothing else, in the folder of the command's libraries."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [_SETTINGS["libraries"]], target) if name == "debugpy" else None


def _wait_for_debugger() -> None:
    # Its warning about frozen modules would go to the function's log.
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    sys.meta_path.insert(0, _Debugger)  # type: ignore[arg-type]  # a finder needs no more than find_spec
    debugpy: Any = importlib.import_module("debugpy")
    sys.meta_path.remove(_Debugger)  # type: ignore[arg-type]
    debugpy.configure(subProcess=False)
    # The adapter is a process that outlives this one by a moment: it must not hold the pipes to the engine.
    pipes = [os.dup(number) for number in range(_PIPES)]
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(_PIPES):
        os.dup2(nothing, number)
    debugpy.listen(("127.0.0.1", _SETTINGS["port"]))
    for number, pipe in enumerate(pipes):
        os.dup2(pipe, number)
        os.close(pipe)
    os.close(nothing)
    # Nobody can connect to find out, since the adapter ends with its first connection.
    print(_SETTINGS["listens"], file=sys.stderr, flush=True)
    debugpy.wait_for_client()


_wait_for_debugger()
sys.meta_path.insert(0, Tree(_SETTINGS["root"]))  # type: ignore[arg-type]
_module, _, _name = _SETTINGS["handler"].rpartition(".")
lambda_handler = getattr(importlib.import_module(_module), _name)
