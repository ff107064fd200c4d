"""The commands of docs/runbooks/, for those who run them: the end-to-end tests and the rehearsal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tooling.paths import ROOT

FOLDER: Final = ROOT / "docs" / "runbooks"
_HEADING = re.compile(r"^#{1,4} (.+)$")
_ENVIRONMENT = "{env}"

# Page and heading of what `make rehearse` runs; all else runs on the local stack.
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


@dataclass(frozen=True)
class Block:
    """A block of commands.

    Args:
        page: its file, without the ending.
        heading: that it stands under.
        number: among the blocks of the heading, from 0.
        text: for a shell.
    """

    page: str
    heading: str
    number: int
    text: str

    @property
    def commands(self) -> int:
        """How many commands it is; to set a variable is none."""
        return sum(not line.startswith("export ") for line in self.text.splitlines())

    @property
    def rehearsed(self) -> bool:
        """Whether it needs accounts, and so is run by the rehearsal."""
        return (self.page, self.heading) in REHEARSED


def _lines() -> Iterator[tuple[str, str, str]]:
    """Page, heading, and line, of all pages."""
    for path in sorted(FOLDER.glob("*.md")):
        heading = ""
        fenced = False
        for line in path.read_text().splitlines():
            fenced ^= line.startswith("```")
            found = None if fenced else _HEADING.match(line)
            heading = found[1] if found else heading
            yield path.stem, heading, line


def blocks() -> list[Block]:
    """Every block of commands, in the order of the pages."""
    found: list[Block] = []
    text: list[str] | None = None
    for page, heading, line in _lines():
        if line == "```sh":
            text = []
        elif line == "```" and text is not None:
            number = sum((block.page, block.heading) == (page, heading) for block in found)
            found.append(Block(page, heading, number, "\n".join(text)))
            text = None
        elif text is not None:
            text.append(line)
    return found


def headings(page: str) -> list[str]:
    """The headings of a page."""
    return [heading[1] for name, _, line in _lines() if name == page and (heading := _HEADING.match(line))]


def alarms(environment: str) -> list[str]:
    """The alarms that have a heading, by their names in an environment."""
    named = [heading for heading in headings("troubleshooting") if _ENVIRONMENT in heading]
    return [heading.replace(_ENVIRONMENT, environment) for heading in named]


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
