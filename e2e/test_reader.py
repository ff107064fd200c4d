"""The commands of the documents, run on the local stack as a reader runs them."""

import subprocess

import pytest

from localstack import engines
from tooling import documents
from tooling.commands import outside_make
from tooling.documents import Block
from tooling.paths import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

SECONDS = 300


@pytest.mark.parametrize(
    "block",
    [block for block in documents.command_blocks() if documents.runs_here(block)],
    ids=lambda block: f"{block.document}: {block.commands[0][:40]}",
)
def test_a_block_runs(block: Block) -> None:
    stack = engines.require()
    # A stack that runs a release goes on with it.
    environment = outside_make() | {"STACK_DIR": str(stack.directory), "RELEASE_DIR": stack.release or ""}
    script = "\n".join(["set -euo pipefail", *block.commands]).replace(documents.shown_api(), stack.api_url)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if block.commands[-1].startswith("curl"):
        assert '"items": [' in done.stdout
