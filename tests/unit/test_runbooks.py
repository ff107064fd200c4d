"""Runbooks: their commands exist, name known variables only, and each block is run by a test or the rehearsal."""

import re
from pathlib import Path

import pytest

from labs import rehearsal
from tests.integration import test_killed_deployment as killed
from tests.support import command_lines, pages
from tooling import documents
from tooling.documents import Block

BLOCKS = documents.runbook_blocks()
# Variables that a section names, or the block of an alarm sets.
VARIABLES = {
    *("TARGET", "QUEUE", "FUNCTION", "ALARM", "TEXT", "MESSAGE"),
    *("AT", "FROM", "ORDER", "RELEASE", "APPROVALS", "REPORT", "LOCK"),
}


def test_headings_are_unique() -> None:
    """A block and an alarm are found by their heading."""
    for page in (path for path in pages.documents() if path.startswith(documents.RUNBOOKS)):
        headings = pages.headings(page)
        assert len(set(headings)) == len(headings), page


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}, {block.heading}, {block.number}")
def test_block_has_existing_commands_only(block: Block) -> None:
    """A line sets a variable, or is one command that exists; nothing else of the shell is needed."""
    for line in block.text.splitlines():
        assert set(re.findall(r"\$([A-Z]+)", line)) <= VARIABLES
        assert not re.search(r"[;|&`]|\$\(", line), line
        if not re.fullmatch(r"export [A-Z]+=\S+", line):
            (call,) = command_lines.calls(line)
            command_lines.check(call)


def test_rehearsed_blocks_are_in_the_rehearsal() -> None:
    """The rehearsal follows each block that needs accounts; it and the end-to-end tests check that they ran all."""
    assert {(block.page, block.heading) for block in BLOCKS if block.rehearsed} == documents.REHEARSED
    source = "".join(path.read_text() for path in Path(rehearsal.__file__).parent.glob("*.py"))
    for page, heading in documents.REHEARSED:
        assert re.search(rf'("{page}"|page), "{re.escape(heading)}"', source), f"{page}, {heading}"


def test_blocks_for_killed_deployments_are_run() -> None:
    """The test that kills deployments follows each block for that."""
    found = {(block.page, block.heading): block.number for block in BLOCKS if block.killed}
    assert found == dict.fromkeys(documents.KILLED, 0), "one block under each heading"
    source = Path(killed.__file__).read_text()
    for page, heading in documents.KILLED:
        assert f'prod.follow("{page}", "{heading}"' in source


def test_anchor_is_the_one_of_github() -> None:
    """Alarms link to the anchor of their heading."""
    assert pages.anchor("bbws-order-pdf-dlq-{env}-not-empty") == "bbws-order-pdf-dlq-env-not-empty"
    assert pages.anchor("Look, fix, prove: it's over") == "look-fix-prove-its-over"


def test_alarms_and_blocks_are_found() -> None:
    """The reader finds alarms, blocks for the local stack, and blocks for accounts."""
    names = pages.alarms("prod")
    assert names
    assert all("{env}" not in name for name in names)
    assert {block.rehearsed for block in BLOCKS} == {True, False}
