"""One process of the provider for several commands: who gets its address, and when it ends."""

from pathlib import Path

import psutil
import pytest

from tests.support.shared_provider import run
from tooling.cli import UserError

PROVIDER = "providers/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5"


@pytest.fixture
def provider(tmp_path: Path) -> Path:
    """A provider as Terraform installs it: it prints its address as the real one does, and waits."""
    program = tmp_path / PROVIDER
    program.parent.mkdir(parents=True)
    program.write_text(
        f"""#!/bin/sh
echo $$ > {tmp_path}/pid
echo "$AWS_CA_BUNDLE" > {tmp_path}/bundle
echo "Provider started. To attach Terraform CLI, set the TF_REATTACH_PROVIDERS environment variable:"
echo "	TF_REATTACH_PROVIDERS='{{\\"aws\\": 1}}'"
exec sleep 60
"""
    )
    program.chmod(0o755)
    return program


def test_commands_get_the_address_of_one_provider(tmp_path: Path, provider: Path) -> None:
    """Each command gets the address; the first that fails is the last, and the provider ends with it."""
    log = tmp_path / "log"
    write = f'echo "$TF_REATTACH_PROVIDERS" >> {log}; exit $0'
    assert run([["sh", "-c", write, status] for status in ("0", "0", "3", "0")], tmp_path) == 3
    assert log.read_text() == '{"aws": 1}\n' * 3
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_provider_has_no_bundle_of_its_own(tmp_path: Path, provider: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's AWS_CA_BUNDLE does not reach the provider, which cannot be configured twice with one."""
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ssl/certs/ours.pem")
    assert run([["true"]], tmp_path) == 0
    assert (tmp_path / "bundle").read_text() == "\n"


def test_provider_that_does_not_start_is_reported(tmp_path: Path, provider: Path) -> None:
    """A provider that ends is reported with what it printed, and no command runs."""
    provider.write_text("#!/bin/sh\necho 'no such mode'; exit 2\n")
    with pytest.raises(UserError, match="ended with status 2: no such mode"):
        run([["touch", str(tmp_path / "ran")]], tmp_path)
    assert not (tmp_path / "ran").exists()


def test_provider_before_init_is_reported(tmp_path: Path) -> None:
    """Without an installed provider, the error says what to run first."""
    with pytest.raises(UserError, match="run `terraform init`"):
        run([], tmp_path)
