"""Checks that a command line of this project exists as it is written: its program, sub-command, options and values."""

import re
import shlex
from functools import cache
from typing import Any

import typer
from typer.exceptions import TyperException

import tests.__main__ as all_tests
from cli import ops, release
from tooling.paths import ROOT

# A value of the right form for each variable of the shell that documents and workflows name.
SAMPLES = {
    "TARGET": "dev",
    "ENVIRONMENT": "dev",
    "ENGINE": "localstack",
    "QUEUE": "bbws-order-pdf-dev",
    "FUNCTION": "create_order",
    "ALARM": "bbws-order-pdf-dlq-dev-not-empty",
    "TEXT": "some-id",
    "MESSAGE": "some-id",
    "AT": "2026-11-24T10:00:00Z",
    "FROM": "bbws-orders-dev-restored-20261124T100000",
    "ORDER": "some-id",
    "RELEASE": "a" * 64,
    "LOCK": "8c2f8a3e-5d0c-7a43-9b1b-2f6d5f0f8f11",
    "CANARY": "--no-allow-quiet-canary",
    "DIGEST": "a" * 64,
    "APPROVALS": "tech-lead=Thandi",
    "REPORT": "build/e2e.xml",
    "SUITE": "bookworm",
    "WHO": "user",
}
_PROGRAMS = {"bin/ops": ops.app, "bin/release": release.app, "bin/test": all_tests.app}
_CALL = re.compile(r"(?:^|[\s(;&|`])((?:make|bin/(?:ops|release|test)) [^|;)`\n]*)")


@cache
def make_targets() -> dict[str, set[str]]:
    """The targets of the Makefile, with the variables that each takes."""
    makefile = (ROOT / "Makefile").read_text()
    found = re.findall(r"^([a-z0-9-]+): ##.*\n\t@\$\(call takes,([A-Z_ ]*)\)", makefile, re.MULTILINE)
    return {target: set(variables.split()) for target, variables in found}


def calls(line: str) -> list[list[str]]:
    """The words of each call of make or of a program of this project in a line; variables have sample values."""
    filled = re.sub(r"\$\{?([A-Z]+)\}?|\bDIGEST\b", lambda found: SAMPLES.get(found[1] or "DIGEST", found[0]), line)
    return [shlex.split(call) for call in _CALL.findall(filled)]


def check(words: list[str]) -> None:
    """Check a call.

    Raises:
        ValueError: there is no such target or sub-command, or it refuses a variable, an option or a value.
    """
    program, *arguments = words
    if program == "make":
        target, *variables = [word for word in arguments if not word.startswith("-")]
        unknown = {word.partition("=")[0] for word in variables} - make_targets().get(target, set())
        if target not in make_targets() or unknown:
            raise ValueError(f"make {target} does not exist, or does not take {unknown}")
        return
    command, left = find(words)
    try:
        # Parses, and does not run it.
        command.make_context(program, left)
    except TyperException as error:
        raise ValueError(f"{' '.join(words)}: {error}") from None


def find(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words name, and the words after its name.

    Raises:
        ValueError: there is no such command.
    """
    program, *left = words
    command = typer.main.get_command(_PROGRAMS[program])
    while left and (children := getattr(command, "commands", None)):
        name = left.pop(0)
        if name not in children:
            raise ValueError(f"{program} has no command {name}")
        command = children[name]
    return command, left
