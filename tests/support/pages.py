"""What tests read in the documents: headings and their anchors, commands outside the runbooks, alarms, README's API."""

import re
from typing import Final

from tests.support.our_files import our_files
from tooling.documents import RUNBOOKS, Block, blocks, tokens
from tooling.paths import ROOT

_ENVIRONMENT: Final = "{env}"

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


def documents() -> list[str]:
    """Paths of all documents that are in the repository, or will be with the next commit."""
    return sorted(path for path in our_files() if path.endswith(".md"))


def headings(document: str) -> list[str]:
    """The headings of a document, as they are written."""
    found = tokens(document)
    return [found[place + 1].content for place, token in enumerate(found) if token.type == "heading_open"]


def anchor(heading: str) -> str:
    """The anchor that GitHub gives the first heading with this text."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def command_blocks() -> list[Block]:
    """The blocks with commands of all documents except the runbooks."""
    found = (block for path in documents() if not path.startswith(RUNBOOKS) for block in blocks(path))
    return [block for block in found if block.commands]


def runs_here(block: Block) -> bool:
    """Whether a block is run on the local stack: as a whole, since its commands build on each other."""
    return all(command.startswith(RUN_HERE) for command in block.commands)


def alarms(environment: str) -> list[str]:
    """Names in an environment of the alarms that have a heading in the runbook of alarms."""
    named = [heading for heading in headings(f"{RUNBOOKS}/troubleshooting.md") if _ENVIRONMENT in heading]
    return [heading.replace(_ENVIRONMENT, environment) for heading in named]


def api_in_readme() -> str:
    """Address of the API that README's `make up` prints; a reader replaces it with that of their own stack."""
    (shown,) = re.findall(r"^  API +(\S+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return str(shown)
