"""What the documents of this repository say: their links, their headings, and the commands in their blocks."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from functools import cache
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tooling.paths import ROOT

_SHELLS = {"sh", "bash"}
# Another test's: its commands change what runs.
_RUNBOOKS = "docs/runbooks/"


class Block(NamedTuple):
    """The commands of a block.

    Args:
        document: path of the document.
        commands: as they are typed, one after the other in one shell.
    """

    document: str
    commands: tuple[str, ...]


class Link(NamedTuple):
    """A link or a picture.

    Args:
        document: path of the document.
        target: as it is written.
    """

    document: str
    target: str


def documents() -> list[str]:
    """The paths of all documents that are, or will be, in the repository."""
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
def _tokens(document: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse((ROOT / document).read_text())


def links(document: str) -> list[Link]:
    """The links of a document, in order."""
    inline = [child for token in _tokens(document) for child in token.children or []]
    return [
        Link(document, str(token.attrs.get("href", token.attrs.get("src"))))
        for token in inline
        if token.type in ("link_open", "image")
    ]


def anchors(document: str) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    tokens = _tokens(document)
    seen: Counter[str] = Counter()
    found = set()
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in tokens[place + 1].children or [])
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def blocks(document: str) -> list[tuple[str, str]]:
    """Language and content of each block of a document."""
    return [(token.info, token.content) for token in _tokens(document) if token.type == "fence"]


def _commands(language: str, content: str) -> tuple[str, ...]:
    """What follows `$ ` in a console, and each line of a shell."""
    lines = content.splitlines()
    if language == "console":
        return tuple(line[2:] for line in lines if line.startswith("$ "))
    return tuple(line for line in lines if line and not line.startswith("#")) if language in _SHELLS else ()


def command_blocks() -> list[Block]:
    """The blocks with commands of all documents but the runbooks, whose own test runs them."""
    found = [
        Block(path, _commands(language, content))
        for path in documents()
        if not path.startswith(_RUNBOOKS)
        for language, content in blocks(path)
    ]
    return [block for block in found if block.commands]


# What e2e/test_reader.py runs on the local stack.
RUN_HERE = (
    "make up",
    "make order",
    "TOKEN=",
    "curl -s ",
    "make help",
    "make logs FUNCTION=",
    "make redrive QUEUE=bbws-order-pdf-local",
    "complete -W ",
)
# What runs elsewhere, by its beginning: where.
RUN_ELSEWHERE = {
    "make watch": "e2e/test_watch.py",
    "make alarms": "e2e/test_runbooks.py",
    "make dlq ": "e2e/test_runbooks.py",
    "make e2e": "Makefile: e2e-fresh calls it",
    "make pack ": "labs/rehearsal/run.py",
    "make conformance ENGINE=embedded": ".ci/run: in `make test`",
    "make conformance ": ".github/workflows/conformance.yml",
    ".venv/bin/python -m tests.conformance.apply": "tests/conformance/apply.py: it is run by hand",
    "make test": ".ci/run",
    "make rehearse": "labs/rehearsal/run.py: it is run by hand, and calls all that is below",
    "make release ": "labs/rehearsal/run.py",
    "make promote ": "labs/rehearsal/run.py",
    "make deploy ": "labs/rehearsal/run.py",
    "make record ": "labs/rehearsal/run.py",
    "make e2e TARGET=": "labs/rehearsal/run.py",
    "E2E_CART_URL=": "labs/rehearsal/run.py",
    "make chaos": "labs/chaos/run.py: it is run by hand, a short run by `make test`",
    "make bench": "labs/bench/run.py: it is run by hand",
    "make load": "e2e/test_load.py",
    "make simulate": "tests/unit/test_scale.py",
    "make redrive QUEUE=bbws-order-pdf-prod": "tests/integration/test_redrive.py",
    "make build": "tests/integration/test_packages.py",
    "cd terraform": "labs/rehearsal/accounts.py",
    "terraform init ": "labs/rehearsal/accounts.py, release/deploy.py",
    "terraform plan ": "release/deploy.py",
    "terraform apply ": "labs/rehearsal/accounts.py, release/deploy.py",
    "terraform import ": "terraform/bootstrap/main.tf: only an account that has the provider already takes it",
    "aws ": "terraform/bootstrap/README.md: a person runs it against an account",
    "gh api ": "terraform/bootstrap/README.md: a person runs it against GitHub",
    "gh workflow run ": "tests/unit/test_workflows.py: GitHub alone has workflows",
    "gh attestation verify ": "tests/unit/test_workflows.py: GitHub alone signs",
}


def shown_api() -> str:
    """The address of the API that README's `make up` printed, which a reader replaces by that of their own stack."""
    (shown,) = re.findall(r"^  API +(\S+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return str(shown)


def runs_here(block: Block) -> bool:
    """Whether a block is run on the local stack: as a whole, since its commands build on each other."""
    return all(command.startswith(RUN_HERE) for command in block.commands)
