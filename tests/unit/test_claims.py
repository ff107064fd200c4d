"""Claims of files, which end with their process."""

import subprocess
import sys
from pathlib import Path

import pytest

from localstack import claims
from localstack.claims import Claim
from localstack.run_tree import exclusive_claim
from localstack.stack import StackError
from tooling.paths import ROOT
from tooling.polling import poll

HOLDER = """
import sys, time
from pathlib import Path
from localstack.claims import Claim
with Claim(Path(sys.argv[1]), "its work"):
    print("claimed", flush=True)
    time.sleep(600)
"""


def test_claim_is_seen_until_its_end(tmp_path: Path) -> None:
    """A claim says what it is for until it ends; a file that nobody claims, or that is missing, has none."""
    file = tmp_path / "claim"
    assert claims.claimed(file) is None
    for content in ("a long text", "short"):
        with Claim(file, content):
            assert claims.claimed(file) == content
        assert claims.claimed(file) is None


def test_second_claim_is_refused(tmp_path: Path) -> None:
    """A file is claimed once; a command that claims it too says which one to end."""
    file = tmp_path / "claim"
    with Claim(file, "first"):
        with pytest.raises(BlockingIOError):
            Claim(file, "second")
        with (
            pytest.raises(StackError, match=f"another `make watch` runs on the stack in {tmp_path}: end it"),
            exclusive_claim(file, "second", "`make watch`"),
        ):
            pass
        assert claims.claimed(file) == "first"


def test_claim_of_killed_process_ends(tmp_path: Path) -> None:
    """A process that is killed claims nothing any more, and who waits for that goes on."""
    file = tmp_path / "claim"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == b"claimed\n"
        assert claims.claimed(file) == "its work"
        process.kill()
        with claims.released(file):
            assert claims.claimed(file) is None
    poll("the claim has ended", lambda: claims.claimed(file) is None or None, 10)
