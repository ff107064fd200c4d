"""The environment of a shell in which tflocal, awslocal, the AWS CLI and boto3 work on a local stack."""

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from urllib.parse import urlsplit

from localstack.stack import NO_AWS_FILES, Stack, StackError
from localstack.terraform import LocalTerraform
from tooling import machine

_PROGRAMS = ("tflocal", "awslocal")
# Variables of a shell that lead to an account, or change what Terraform does.
_OTHERS = "^(AWS_|TF_(CLI_ARGS|DATA_DIR|LOG|REATTACH|VAR_|WORKSPACE))[A-Za-z0-9_]*="


def install() -> None:
    """Get terraform-local and awscli-local, and put both programs where `variables` leads.

    Raises StackError: they cannot be installed; the text says why.
    """
    try:
        # Standard output is for the shell.
        with redirect_stdout(sys.stderr):
            machine.install("tflocal")
    except RuntimeError as error:
        raise StackError(str(error)) from None
    machine.PROGRAMS.mkdir(parents=True, exist_ok=True)
    for name in _PROGRAMS:
        link = machine.PROGRAMS / name
        link.unlink(missing_ok=True)
        link.symlink_to(machine.TOOL_VENVS["tflocal"] / "bin" / name)


def variables(stack: Stack) -> dict[str, str]:
    """The environment variables, without PATH.

    Raises StackError: the stack serves by TLS, which tflocal does not.
    """
    if stack.certificates:
        raise StackError("tflocal calls an engine by plain HTTP only, and this stack serves by TLS")
    return {
        **stack.aws_environment(),
        **NO_AWS_FILES,
        # As `run_cli` has set them.
        **{name: os.environ[name] for name in ("NO_PROXY", "no_proxy") if name in os.environ},
        # By default tflocal calls S3 by a public name that leads to 127.0.0.1, which not every network resolves.
        "S3_HOSTNAME": urlsplit(stack.endpoint).hostname or "",
        "DISABLE_DEPRECATION_NOTICE": "1",
        **LocalTerraform(stack).shell_environment(),
    }


def script(variables: Mapping[str, str]) -> list[str]:
    """Lines for a POSIX shell: they export the variables, put the programs on PATH, and unset what contradicts them."""
    return [
        # Always with a name: some shells refuse none.
        f"unset -v AWS_PROFILE $(env | awk -F = '/{_OTHERS}/ {{ print $1 }}')",
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        f'export PATH={shlex.quote(str(machine.PROGRAMS))}:"$PATH"',
    ]
