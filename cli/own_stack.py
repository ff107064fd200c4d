"""A local stack of a command's own, alongside the one of `make up`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tooling.commands import CommandError
from tooling.paths import ROOT

OPS = [sys.executable, "-m", "cli.ops"]


def stack_environment(folder: Path) -> dict[str, str]:
    """Environment variables of a process that uses the stack in a folder."""
    return {**os.environ, "STACK_DIR": str(folder)}


@contextmanager
def own_stack(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """Bring up a new stack on free ports, and take it down at the end.

    Args:
        folder: Folder of the stack.
        options: Further options of `bin/ops stack up`.

    Yields:
        Environment variables of a process that uses the stack.

    Raises:
        CommandError: the stack did not come up.
    """
    environment = stack_environment(folder)
    down = [*OPS, "stack", "down"]
    shutil.rmtree(folder / "mail", ignore_errors=True)
    subprocess.run(down, cwd=ROOT, env=environment, check=False)
    try:
        up = [*OPS, "stack", "up", "--free-ports", *options]
        if subprocess.run(up, cwd=ROOT, env=environment, check=False).returncode:
            raise CommandError(f"the stack in {folder} did not come up: fix what is named above, and run this again")
        yield environment
    finally:
        subprocess.run(down, cwd=ROOT, env=environment, check=False)
