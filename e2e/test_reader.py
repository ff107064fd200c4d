"""Runs the commands of the documents on the local stack, as a reader runs them."""

import os
import subprocess

import pytest

from localstack import engines
from tests.support import pages
from tooling.documents import Block
from tooling.paths import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

SECONDS = 300


@pytest.mark.parametrize(
    "block",
    [block for block in pages.command_blocks() if pages.runs_here(block)],
    ids=lambda block: f"{block.document}: {block.commands[0][:40]}",
)
def test_block_of_document_runs(block: Block) -> None:
    """Every block of commands for the local stack runs as it stands in its document."""
    stack = engines.require()
    script = "\n".join(["set -euo pipefail", *block.lines]).replace(pages.api_in_readme(), stack.api_url)
    if stack.release:
        # The stack keeps the release that it runs.
        script = script.replace("make up", f"make up RELEASE_DIR={stack.release}")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=os.environ | {"STACK_DIR": str(stack.directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if block.commands[-1].startswith("curl"):
        assert '"items": [' in done.stdout
