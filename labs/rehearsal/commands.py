"""The project's own commands, run as a workflow runs them, and the refusals that are wanted of them."""

import itertools
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from localstack.stack import StackError
from localstack.up import console
from tooling import commands, runbooks
from tooling.paths import ROOT
from tooling.runbooks import Block

_DEADLINE_SECONDS = 900


class Done(NamedTuple):
    """A command that has ended: what it printed, and how long it took in seconds."""

    output: str
    seconds: float


class Commands:
    """Runs commands and keeps what they print.

    Args:
        logs: folder for it, a file for each command.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._numbers = itertools.count(1)
        self.followed: list[Block] = []
        logs.mkdir(parents=True)

    def _run(self, name: str, command: list[str], environment: Mapping[str, str], cwd: Path) -> tuple[int, Done]:
        started = time.monotonic()
        log = self._logs / f"{next(self._numbers):02}-{name.replace(' ', '-')}.log"
        ended = commands.run(name, command, _DEADLINE_SECONDS, environment, cwd, log)
        return ended.status, Done(ended.output, time.monotonic() - started)

    def run(self, name: str, *command: str, environment: Mapping[str, str], cwd: Path = ROOT) -> Done:
        """Run a command.

        Raises:
            StackError: it failed or took too long; the text ends with what it printed last.
        """
        status, done = self._run(name, list(command), environment, cwd)
        if status:
            raise StackError(f"{name} failed:\n{done.output[-4_000:]}")
        console.print(f"[green]✓[/] {name} [dim]{done.seconds:.1f} s[/]")
        return done

    def follow(self, name: str, page: str, heading: str, environment: Mapping[str, str], **variables: str) -> Done:
        """Run the block under a heading of the runbooks, as it stands there.

        Args:
            name: of the step.
            page: of the block.
            heading: that it is under.
            environment: of it.
            variables: that the block names.

        Raises:
            StackError: there is no such block, or it failed or took too long.
        """
        found = [block for block in runbooks.blocks() if (block.page, block.heading) == (page, heading)]
        if len(found) != 1:
            raise StackError(f"docs/runbooks/{page}.md has {len(found)} blocks under {heading!r}, not one")
        done = self.run(name, "bash", "-euc", found[0].text, environment={**environment, **variables})
        self.followed += found
        return done

    def release(self, name: str, *arguments: str, environment: Mapping[str, str], cwd: Path = ROOT) -> Done:
        """Run a command of `bin/release`."""
        return self.run(name, sys.executable, "-m", "cli.release", *arguments, environment=environment, cwd=cwd)

    def refused(self, name: str, text: str, *arguments: str, environment: Mapping[str, str]) -> Done:
        """Run a command of `bin/release` that must be refused.

        Args:
            name: of the step.
            text: that the refusal must have.
            arguments: of the command.
            environment: of it.

        Raises:
            StackError: it was not refused, or for another reason.
        """
        status, done = self._run(name, [sys.executable, "-m", "cli.release", *arguments], environment, ROOT)
        if status == 0 or text not in done.output:
            raise StackError(f"{name}: not refused with {text!r}, but ended with {status}:\n{done.output[-4_000:]}")
        said = next(line for line in done.output.splitlines() if text in line)
        console.print(f"[green]✓[/] {name}: refused\n  [dim]{said}[/]", soft_wrap=True)
        return done
