"""Reads the blocks of commands in this repository's documents, which tests and rehearsal run."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tooling.paths import ROOT

RUNBOOKS: Final = "docs/runbooks"
_SHELLS = {"sh", "bash"}
_OUTLINE: Final = MarkdownIt("commonmark").disable("inline")

# Runbook and heading of the blocks that `make rehearse` runs. Those without a list run on the local stack, in
# e2e/test_runbooks.py.
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
        ("disaster-recovery", "Hold the name in the other region"),
        ("disaster-recovery", "Prove that the fail-over serves"),
    }
)

# Those that tests/integration/test_killed_deployment.py runs, after it has killed a deployment.
KILLED: Final = frozenset({("deployment", "A deployment died in the canary"), ("deployment", "Terraform was killed")})


class Block(NamedTuple):
    """A fenced block of a document.

    Args:
        heading: Heading that it stands under; empty before the first.
        number: Its number among the command blocks of the heading, from 0.
        language: Language of the fence, such as sh or console.
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
    def killed(self) -> bool:
        """Whether it is for a deployment that was killed."""
        return (self.page, self.heading) in KILLED


@cache
def tokens(document: str) -> list[Token]:
    """What a Markdown parser reads in a document."""
    return MarkdownIt("commonmark").enable("table").parse((ROOT / document).read_text())


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    # Only for headings and fences, which takes a fifth of the time.
    parsed, found, heading = _OUTLINE.parse((ROOT / document).read_text()), [], ""
    numbers: Counter[str] = Counter()
    for place, token in enumerate(parsed):
        if token.type == "heading_open":
            heading = parsed[place + 1].content
        elif token.type == "fence":
            block = Block(document, heading, numbers[heading], token.info, token.content)
            numbers[heading] += bool(block.lines)
            found.append(block)
    return found


def runbook_blocks() -> list[Block]:
    """The blocks with commands of the runbooks, in the order of the pages."""
    pages = sorted(str(path.relative_to(ROOT)) for path in (ROOT / RUNBOOKS).glob("*.md"))
    return [block for page in pages for block in blocks(page) if block.lines]
