"""The environment of a shell in which tflocal, awslocal, the AWS CLI and boto3 work on a local stack."""

import sys
from contextlib import redirect_stdout
from urllib.parse import urlsplit

from localstack.stack import Stack, StackError
from localstack.terraform import LocalTerraform
from tooling import machine

_PROGRAMS = ("tflocal", "awslocal")


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
        # By default tflocal calls S3 by a public name that leads to 127.0.0.1, which not every network resolves.
        "S3_HOSTNAME": urlsplit(stack.endpoint).hostname or "",
        "DISABLE_DEPRECATION_NOTICE": "1",
        **LocalTerraform(stack).shell_environment(),
    }
