"""Runs other programs, such as Terraform, with a deadline, and keeps their output."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tooling.cli import UserError

# How many characters of a program's output an error has: the end says what went wrong.
_SHOWN = 4_000
# How long an interrupted program may take to end.
_GRACE_SECONDS = 300.0
# How long a killed program may take to end.
_KILLED_SECONDS = 30.0


class CommandError(UserError):
    """A program failed, is not installed, or took too long; the text ends with its last output."""


class Completed(NamedTuple):
    """A program that has ended: what it was for, its exit status, and its output of both streams."""

    what: str
    status: int
    output: str

    def checked(self) -> str:
        """Its output. Raises CommandError: it failed."""
        if self.status:
            raise CommandError(f"{self.what} failed:\n{self.output[-_SHOWN:]}")
        return self.output


def run(
    what: str,
    command: Sequence[str],
    seconds: float,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> Completed:
    """Run a program to its end, successful or not, with the variables of this process unless others are given.

    Errors say `what` it is for. Its output is also written to the log, if one is named.

    Raises:
        CommandError: it took longer and was interrupted, or is not installed.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(os.environ if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C in a terminal then reaches only this process, which interrupts the program once: a second interrupt
            # makes Terraform exit at once, without writing its state.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise CommandError(f"{what}: there is no {command[0]} on PATH: install it") from None
    with process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            output = _interrupt(process)
            raise CommandError(f"{what}: not finished after {seconds:g} s\n{output[-_SHOWN:]}".rstrip()) from None
        except BaseException:
            _interrupt(process)
            raise
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(output)
    return Completed(what, process.returncode, output)


def run_on_terminal(
    command: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> int:
    """Run a program on this terminal, however long it takes, and return its exit status.

    The terminal sends Ctrl-C to the program too, which may then finish: Terraform writes its state, and tests put
    back what they changed. A second Ctrl-C kills it.
    """
    with subprocess.Popen(command, cwd=cwd, env=environment) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
            raise
        finally:
            process.kill()


def _interrupt(process: subprocess.Popen[str]) -> str:
    """End a program as Ctrl-C does, and by force only if that does not help; return its output.

    Terraform, interrupted, finishes the calls that it has begun, writes its state and releases its lock.
    """
    _signal(process, signal.SIGINT)
    try:
        return process.communicate(timeout=_GRACE_SECONDS)[0]
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
    try:
        return process.communicate(timeout=_KILLED_SECONDS)[0]
    except subprocess.TimeoutExpired:
        # A process of another session still has the pipe.
        return ""


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to a program and what it has started, as a terminal does."""
    # macOS permits no signal to a group that has ended but was not collected.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
