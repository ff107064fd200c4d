"""Compiles the modules of a package: Lambda cannot write bytecode, and would compile them at each cold start."""

import sys
from pathlib import Path

from tooling import commands
from tooling.cli import UserError

_DEADLINE_SECONDS = 300


class BytecodeError(UserError):
    """A module cannot be compiled; the text says which one, and why."""


def add(folder: Path) -> None:
    """Compile every module below a folder into its `__pycache__`.

    Equal sources give equal bytes in any folder: paths are relative, and bytecode names its source by hash (PEP 552),
    which Python does not check again. One new process compiles all, because earlier compilations of a process change
    the bytes.

    Raises:
        BytecodeError: a module cannot be compiled.
        CommandError: compiling takes too long.
    """
    command = [
        *(sys.executable, "-S", "-s", "-P", "-m", "compileall", "-q", "-f"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder)),
    ]
    done = commands.run("compile modules", command, _DEADLINE_SECONDS, {"PYTHONHASHSEED": "0"})
    if done.status:
        printed = done.output[-2_000:].replace(f"{folder}/", "")
        raise BytecodeError(f"a module cannot be compiled: fix it, or leave its library out:\n{printed}")
