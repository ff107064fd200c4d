"""The runbooks are whole: their links lead somewhere, their commands exist, and each is run by somebody."""

import re
from pathlib import Path

import pytest

from labs.rehearsal import run as rehearsal
from tooling import runbooks
from tooling.paths import ROOT

PAGES = sorted(runbooks.FOLDER.glob("*.md"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
# What a section names, or an alarm's block sets.
VARIABLES = {
    *("TARGET", "QUEUE", "FUNCTION", "ALARM", "TEXT", "MESSAGE"),
    *("AT", "FROM", "ORDER", "RELEASE", "APPROVALS", "REPORT"),
}
LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page, of which a heading's second is numbered."""
    found: list[str] = []
    for line in page.read_text().splitlines():
        heading = re.match(r"^#{1,4} (.+)$", line)
        if heading:
            anchor = runbooks.anchor(heading[1])
            found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return set(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_headings(page: Path) -> None:
    for file, anchor in LINK.findall(page.read_text()):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def test_headings_are_unique_so_that_their_anchors_are() -> None:
    for page in PAGES:
        headings = runbooks.headings(page.stem)
        assert len(set(headings)) == len(headings), page.stem


@pytest.mark.parametrize("block", runbooks.blocks(), ids=lambda block: f"{block.page}, {block.heading}, {block.number}")
def test_a_block_is_make_targets_and_known_variables(block: runbooks.Block) -> None:
    for line in block.text.splitlines():
        command = re.fullmatch(r'(?:make ([a-z0-9-]+)|export [A-Z]+=\S+)(?: [A-Z0-9]+=(?:"[^"]*"|\S+))*', line)
        assert command, line
        assert command[1] is None or command[1] in TARGETS
        assert set(re.findall(r"\$([A-Z]+)", line)) <= VARIABLES
    assert "$(" not in block.text


def test_what_needs_accounts_is_in_the_rehearsal_and_nowhere_else() -> None:
    # That the rest is run on the local stack, its last test asserts; that these were, the rehearsal.
    blocks = runbooks.blocks()
    assert {(block.page, block.heading) for block in blocks if block.rehearsed} == runbooks.REHEARSED
    source = Path(rehearsal.__file__).read_text()
    for page, heading in runbooks.REHEARSED:
        assert re.search(rf'("{page}"|page), "{re.escape(heading)}"', source), f"{page}, {heading}"


def test_an_anchor_is_githubs() -> None:
    heading = "bbws-order-pdf-dlq-{env}-not-empty"
    assert runbooks.anchor(heading) == "bbws-order-pdf-dlq-env-not-empty"
    assert runbooks.anchor("Look, mend, prove: it's over") == "look-mend-prove-its-over"


def test_there_are_blocks_and_alarms() -> None:
    assert runbooks.alarms("prod")
    assert all("{env}" not in name for name in runbooks.alarms("prod"))
    assert any(block.rehearsed for block in runbooks.blocks())
    assert any(not block.rehearsed for block in runbooks.blocks())
