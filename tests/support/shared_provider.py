"""Runs commands of Terraform one after the other on one process of the AWS provider.

    TF_DATA_DIR=… python -m tests.support.shared_provider terraform test -filter=a -- terraform test -filter=b

Terraform starts and checks a provider of 700 MB several times for each `run` of a test. The provider's own mode for
debuggers serves all of them. `terraform init` has checked its digest. It takes the endpoint and the credentials from
its own environment, not from that of the command, and all configurations of a command share one: only for tests that
mock the provider, or whose commands have one account and one region.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from tooling.cli import UserError
from tooling.polling import poll

_VARIABLE = "TF_REATTACH_PROVIDERS"
_ADDRESS = re.compile(rf"{_VARIABLE}='(.+)'")
_START_SECONDS = 60
SEPARATOR = "--"


@contextmanager
def shared_provider(
    data: Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[dict[str, str]]:
    """Start the provider that `terraform init` put into a folder; yields the variable with which Terraform finds it.

    Args:
        data: The folder that TF_DATA_DIR names.
        environment: Environment variables of the provider; those of this process if None.
        folder: Folder from which the provider reads files with relative paths; the current one if None.
    """
    found = sorted(data.glob("providers/*/hashicorp/aws/*/*/terraform-provider-aws*"))
    # The provider cannot be configured twice with a bundle of its own (AWS_CA_BUNDLE); it trusts that of SSL_CERT_FILE.
    own = {name: value for name, value in (environment or os.environ).items() if name != "AWS_CA_BUNDLE"}
    if len(found) != 1:
        raise UserError(f"{data} has {len(found)} versions of the AWS provider: run `terraform init` with TF_DATA_DIR")
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            [found[0], "-debug"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=own,
            cwd=folder,
        ) as provider,
    ):
        try:

            def address() -> str | None:
                output.seek(0)
                printed = output.read()
                if provider.poll() is not None:
                    raise UserError(f"{found[0]} -debug ended with status {provider.returncode}: {printed}")
                match = _ADDRESS.search(printed)
                return match[1] if match else None

            yield {_VARIABLE: poll(f"the address of {found[0]}", address, _START_SECONDS)}
        finally:
            provider.terminate()


def run(commands: Sequence[Sequence[str]], data: Path) -> int:
    """Run commands up to the first that fails; return its exit status, or 0."""
    with shared_provider(data) as variables:
        for command in commands:
            print(f"$ {' '.join(command)}", flush=True)
            status = subprocess.run(command, env=os.environ | variables, check=False).returncode
            if status:
                return status
    return 0


if __name__ == "__main__":
    _commands = [list(words) for other, words in groupby(sys.argv[1:], lambda word: word != SEPARATOR) if other]
    sys.exit(run(_commands, Path(os.environ["TF_DATA_DIR"])))
