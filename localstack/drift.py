"""What differs between a stack, its Terraform and its packages."""

from typing import Any

from localstack import redeploy
from localstack.aws import Aws
from localstack.stack import Stack
from localstack.terraform import LocalTerraform

# What follows from another digest of the code.
_OF_THE_CODE = {"source_code_hash", "code_sha256", "last_modified", "version", "qualified_arn", "qualified_invoke_arn"}


def _is_code(planned: dict[str, Any]) -> bool:
    """Whether a planned change is of a function's code and of nothing else."""
    change = planned["change"]
    if planned["type"] != "aws_lambda_function" or change["actions"] != ["update"]:
        return False
    known = {name for name, value in change["after"].items() if change["before"].get(name) != value}
    return known | {name for name, value in change["after_unknown"].items() if _any(value)} <= _OF_THE_CODE


def _any(unknown: Any) -> bool:
    """Whether something in a value is not known before it is applied."""
    if isinstance(unknown, dict | list):
        return any(map(_any, unknown.values() if isinstance(unknown, dict) else unknown))
    return bool(unknown)


def differences(stack: Stack) -> list[str]:
    """What is not as it should be: nothing, after `make up`.

    Args:
        stack: whose engine answers.

    Returns:
        Addresses of Terraform, and the packages that are not what their function runs: Terraform looks only at the
        digest that it remembers, so the stack is asked.
    """
    planned = [change["address"] for change in LocalTerraform(stack).changes() if not _is_code(change)]
    return planned + [f"the code of {function}" for function in redeploy.outdated(Aws(stack.endpoint).functions, stack)]
