"""When the accounts that a run of the tests has kept are made again by the next one."""

from pathlib import Path

import pytest

from tests.support import bootstrapped
from tooling import machine
from tooling.paths import ROOT

CHANGED = [
    "localstack/engines/ministack.py",
    "localstack/ministack_patches/iam.py",
    "requirements/engine.txt",
    "terraform/bootstrap/main.tf",
    "terraform/bootstrap/.terraform.lock.hcl",
    "terraform/modules/s3/main.tf",
    "labs/rehearsal/accounts.py",
    "tests/support/bootstrapped.py",
    "tests/support/secure_engine.py",
]


@pytest.fixture
def terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version of Terraform, which is not started."""
    monkeypatch.setattr(machine, "terraform_version", lambda: "1.11.4")


@pytest.mark.usefixtures("terraform")
@pytest.mark.parametrize("name", CHANGED)
def test_digest_changes_with_each_source(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts are made again when a file that shapes them has changed."""
    before, read = bootstrapped._digest(), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path == ROOT / name else b""))
    assert bootstrapped._digest() != before


@pytest.mark.usefixtures("terraform")
def test_digest_changes_with_version_of_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts are made again by another version of Terraform, and not by the same one."""
    before = bootstrapped._digest()
    assert bootstrapped._digest() == before
    monkeypatch.setattr(machine, "terraform_version", lambda: "1.12.0")
    assert bootstrapped._digest() != before
