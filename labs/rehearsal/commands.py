"""Runs the project's own commands as a person does, and those that must be refused."""

import itertools
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from localstack.stack import StackError
from localstack.up import console
from tooling import commands, documents
from tooling.documents import Block

DEADLINE_SECONDS = 900
_SHOWN = 4_000
# A command line of `bin/release`.
PROGRAM = (sys.executable, "-m", "cli.release")


class Commands:
    """Runs commands in a checkout, and keeps the output of each in a file of a folder."""

    def __init__(self, checkout: Path, logs: Path) -> None:
        self._checkout, self._logs, self._numbers = checkout, logs, itertools.count(1)
        self.followed: list[Block] = []

    def _run(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> commands.Completed:
        log = self._logs / f"{next(self._numbers):02}-{name.replace(' ', '-')}.log"
        return commands.run(name, command, DEADLINE_SECONDS, environment, self._checkout, log)

    def run(self, name: str, *command: str, environment: Mapping[str, str]) -> str:
        """Run a command and return its output; CommandError if it failed or took too long."""
        started = time.monotonic()
        output = self._run(name, command, environment).checked()
        console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")
        return output

    def follow(self, name: str, page: str, heading: str, environment: Mapping[str, str], **variables: str) -> str:
        """Run the commands under a heading of a runbook, exactly as they are written there, and return their output.

        The variables are those that the commands name. UserError if the heading has not exactly one block of commands,
        or it failed or took too long.
        """
        found = [block for block in documents.runbook_blocks() if (block.page, block.heading) == (page, heading)]
        if len(found) != 1:
            raise StackError(f"docs/runbooks/{page}.md has {len(found)} blocks under {heading!r}, not one")
        output = self.run(name, "bash", "-euc", found[0].text, environment={**environment, **variables})
        self.followed += found
        return output

    def refused(self, name: str, text: str, *arguments: str, environment: Mapping[str, str]) -> None:
        """Run a command of `bin/release` that must be refused with a text; StackError if it is not."""
        ended = self._run(name, (*PROGRAM, *arguments), environment)
        if not ended.status or text not in ended.output:
            raise StackError(f"{name}: not refused with {text!r}, status {ended.status}:\n{ended.output[-_SHOWN:]}")
        line = next(line for line in ended.output.splitlines() if text in line)
        console.print(f"[green]✓[/] {name}: refused\n  [dim]{line}[/]", soft_wrap=True)
