"""Reads this repository's documents: their headings, and the blocks of commands that tests and rehearsal run."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tooling.paths import ROOT

RUNBOOKS: Final = "docs/runbooks"
_SHELLS = {"sh", "bash"}
_ENVIRONMENT = "{env}"

# Runbook and heading of the blocks that `make rehearse` runs; e2e/test_runbooks.py runs all others on the local stack.
REHEARSED: Final = frozenset(
    {
        ("deployment", "Make a release"),
        ("deployment", "Put a release into dev"),
        ("deployment", "See what is promoted"),
        ("deployment", "Promote a release"),
        ("deployment", "Deploy a release"),
        ("deployment", "Prove that the release works"),
        ("deployment", "Write the evidence"),
        ("deployment", "Look for drift"),
        ("rollback", "Look at what is live"),
        ("rollback", "Roll back"),
        ("rollback", "Go to a certain release"),
        ("rollback", "Prove that the rollback holds"),
        ("disaster-recovery", "Deploy the fail-over"),
        ("disaster-recovery", "Prove that the fail-over serves"),
    }
)

# Beginning of each command that e2e/test_reader.py runs on the local stack.
RUN_HERE: Final = (
    "make up",
    "make order",
    "make console",
    "TOKEN=",
    "curl -s -H ",
    "make logs FUNCTION=",
    "bin/ops redrive bbws-order-pdf-local",
)


class Block(NamedTuple):
    """A fenced block of a document.

    Args:
        document: Path of the document.
        heading: Heading that it stands under; empty before the first.
        number: Its number among the command blocks of the heading, from 0.
        language: Language of the fence, such as sh or console.
        text: Its content.
    """

    document: str
    heading: str
    number: int
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        """Its lines as they are typed into one shell: each line of a shell, or what follows `$ ` in a console."""
        lines = self.text.splitlines()
        if self.language == "console":
            return [line[2:] for line in lines if line.startswith("$ ")]
        return [line for line in lines if line and not line.startswith("#")] if self.language in _SHELLS else []

    @property
    def commands(self) -> list[str]:
        """Its lines that do more than set a variable of the shell."""
        return [line for line in self.lines if not line.startswith("export ")]

    @property
    def page(self) -> str:
        """Name of the document without folder and ending."""
        return Path(self.document).stem

    @property
    def rehearsed(self) -> bool:
        """Whether it needs accounts, and so is run by the rehearsal."""
        return (self.page, self.heading) in REHEARSED

    @property
    def runs_here(self) -> bool:
        """Whether it is run on the local stack: as a whole, since its commands build on each other."""
        return all(command.startswith(RUN_HERE) for command in self.commands)


def documents() -> list[str]:
    """Paths of all documents that are in the repository, or will be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return sorted(path for path in listed.stdout.split() if (ROOT / path).exists())


@cache
def tokens(document: str) -> list[Token]:
    """What a Markdown parser reads in a document."""
    return MarkdownIt("commonmark").enable("table").parse((ROOT / document).read_text())


def headings(document: str) -> list[str]:
    """The headings of a document, as they are written."""
    found = tokens(document)
    return [found[place + 1].content for place, token in enumerate(found) if token.type == "heading_open"]


def anchor(heading: str) -> str:
    """The anchor that GitHub gives the first heading with this text."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    parsed, found, heading = tokens(document), [], ""
    numbers: Counter[str] = Counter()
    for place, token in enumerate(parsed):
        if token.type == "heading_open":
            heading = parsed[place + 1].content
        elif token.type == "fence":
            block = Block(document, heading, numbers[heading], token.info, token.content)
            numbers[heading] += bool(block.lines)
            found.append(block)
    return found


def command_blocks() -> list[Block]:
    """The blocks with commands of all documents except the runbooks."""
    found = (block for path in documents() if not path.startswith(RUNBOOKS) for block in blocks(path))
    return [block for block in found if block.commands]


def runbook_blocks() -> list[Block]:
    """The blocks with commands of the runbooks, in the order of the pages."""
    return [block for path in documents() if path.startswith(RUNBOOKS) for block in blocks(path) if block.lines]


def alarms(environment: str) -> list[str]:
    """Names in an environment of the alarms that have a heading in the runbook of alarms."""
    named = [heading for heading in headings(f"{RUNBOOKS}/troubleshooting.md") if _ENVIRONMENT in heading]
    return [heading.replace(_ENVIRONMENT, environment) for heading in named]


def api_in_readme() -> str:
    """Address of the API that README's `make up` prints; a reader replaces it with that of their own stack."""
    (shown,) = re.findall(r"^  API +(\S+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return str(shown)
