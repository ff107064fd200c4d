"""Runs a function from a working tree: its process imports `functions` and `common` from there, all else as packaged.

The process is a MiniStack worker of the function's package, whose handler is this module's. It never imports the
function: for each save it forks a process that does. The libraries, which take most of a start, it imports once.
"""

import importlib
import json
import logging
import os
import runpy
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, NoReturn

OWN = ("functions", "common")
_PIPES = 3

# How MiniStack was made to find this folder; the function must not see it.
os.environ.pop("PYTHONPATH", None)
sys.path[:] = [folder for folder in sys.path if folder != os.path.dirname(__file__)]


class _Loader(SourceFileLoader):
    """Compiles at each import: bytecode names the time of its source in seconds, and two saves can share one."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Tree:
    """Finds our packages in a folder, and nowhere else; without a folder, they cannot be imported."""

    def __init__(self, root: str | None) -> None:
        self._roots = [root] if root else []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a module of ours; None for any other. Raises ModuleNotFoundError: it is not in the folder."""
        if name.partition(".")[0] not in OWN:
            return None
        # A new finder for each import, since one remembers the files of its folder.
        finders = [FileFinder(folder, (_Loader, SOURCE_SUFFIXES)) for folder in path or self._roots]
        for spec in filter(None, (finder.find_spec(name, target) for finder in finders)):
            return spec
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


# For what `libraries` import.
_NOTHING = Tree(None)


def lambda_handler(event: dict[str, Any], _: object) -> None:
    """Import `libraries`, or fork a process that runs the function from `root` and takes its pipes from `socket`."""
    if _NOTHING not in sys.meta_path:
        sys.meta_path.insert(0, _NOTHING)
    for name in event.get("libraries", ()):
        # A few modules are made by others, and cannot be imported by name.
        with suppress(Exception):
            importlib.import_module(name)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    if "socket" in event and os.fork() == 0:
        _run(event["socket"], event["root"])


def _run(address: str, root: str) -> NoReturn:
    """Be the worker of the function."""
    try:
        owner = socket.socket(socket.AF_UNIX)
        owner.connect(address)
        _, pipes, *_ = socket.recv_fds(owner, 1, _PIPES)
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)
            os.close(pipe)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(0), *(os.fdopen(number, "w", buffering=1) for number in (1, 2)))
        # The worker sets its own.
        logging.getLogger().handlers.clear()
        sys.meta_path[sys.meta_path.index(_NOTHING)] = Tree(root)
        threading.Thread(target=_obey, args=(owner,), daemon=True).start()
        runpy.run_path(sys.argv[0])
    finally:
        os._exit(0)


def _obey(owner: socket.socket) -> None:
    """List the imported modules at each request of the owner, and end when it closes its socket."""
    while owner.recv(1):
        owner.sendall(json.dumps(list(sys.modules)).encode() + b"\n")
    os._exit(0)
