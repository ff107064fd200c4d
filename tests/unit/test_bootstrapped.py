"""When the accounts that a run of the tests has kept are made again by the next one."""

import shutil
from pathlib import Path

import pytest

from tests.support import bootstrapped
from tests.support.kept import digest
from tooling.paths import ROOT


@pytest.fixture(scope="module")
def before() -> str:
    """The digest of the sources as they are."""
    return digest(bootstrapped.inputs())


@pytest.mark.parametrize(
    "name",
    [
        "localstack/engines/ministack.py",
        "localstack/ministack_patches/iam.py",
        "requirements/engine.txt",
        "terraform/bootstrap/main.tf",
        "terraform/bootstrap/.terraform.lock.hcl",
        "terraform/modules/s3/main.tf",
        "labs/rehearsal/accounts.py",
        "tests/support/bootstrapped.py",
        "tests/support/secure_engine.py",
        pytest.param(str(shutil.which("terraform")), id="terraform"),
    ],
)
def test_accounts_are_made_again_when_a_source_changes(before: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts are made again when a file that shapes them has changed, or Terraform itself."""
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path == ROOT / name else b""))
    assert digest(bootstrapped.inputs()) != before
