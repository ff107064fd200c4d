"""Commands of others, such as Terraform: run with a deadline, and what they printed kept."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tooling.cli import UserError

# Of what a command printed, in an error: its end, which says what went wrong.
_TOLD = 4_000


class CommandError(UserError):
    """A command failed, or took too long; the text ends with what it printed last."""


class Ended(NamedTuple):
    """A command that has ended.

    Args:
        what: it did, for the error.
        status: its exit status.
        output: what it printed, on both outputs.
    """

    what: str
    status: int
    output: str

    def checked(self) -> str:
        """What it printed.

        Raises:
            CommandError: it failed.
        """
        if self.status:
            raise CommandError(f"{self.what} failed:\n{self.output[-_TOLD:]}")
        return self.output


def outside_make() -> dict[str, str]:
    """This process's environment without what a make hands down, as a developer's shell has it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def run(
    what: str,
    command: Sequence[str],
    seconds: float,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> Ended:
    """Run a command to its end, good or bad.

    Args:
        what: it does, for the error.
        command: the program and its arguments.
        seconds: that it may take.
        environment: of it; this process's if None.
        cwd: folder that it runs in; this process's if None.
        log: file for what it prints.

    Raises:
        CommandError: it took longer, or there is no such program.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=dict(os.environ if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{what}: not finished after {seconds:g} s") from None
    except FileNotFoundError:
        raise CommandError(f"{what}: there is no {command[0]} on PATH: install it") from None
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout)
    return Ended(what, done.returncode, done.stdout)
