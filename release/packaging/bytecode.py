"""Bytecode beside the sources of a package: Lambda can write none, and would compile all at each cold start."""

import subprocess
import sys
from pathlib import Path

from tooling.cli import UserError

_DEADLINE_SECONDS = 300


class BytecodeError(UserError):
    """Modules could not be compiled; the text says which, and why."""


def add(folder: Path) -> None:
    """Compile every module below a folder into the `__pycache__` beside it.

    Equal sources are equal bytes, wherever the folder is: the paths in them are relative, and what they hold of the
    source is its hash (PEP 552), which is not looked at again. One new process compiles all, since what a process has
    compiled before shows in the bytes.

    Raises:
        BytecodeError: a module cannot be compiled, or all could not be in time.
    """
    command = [
        *(sys.executable, "-S", "-s", "-P", "-m", "compileall", "-q", "-f"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder)),
    ]
    try:
        done = subprocess.run(
            command,
            env={"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BytecodeError(f"modules not compiled in {_DEADLINE_SECONDS} s: see what the machine does") from None
    if done.returncode:
        said = (done.stdout + done.stderr)[-2_000:].replace(f"{folder}/", "")
        raise BytecodeError(f"a module cannot be compiled: mend it, or leave its library out:\n{said}")
