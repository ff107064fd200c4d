"""Differences between a stack, its Terraform and its packages."""

from typing import Any

from localstack import redeploy
from localstack.aws import Aws
from localstack.stack import Stack
from localstack.terraform import LocalTerraform

# Attributes that change with the digest of the code.
_DIGEST_FIELDS = {
    *("source_code_hash", "code_sha256", "last_modified"),
    *("version", "qualified_arn", "qualified_invoke_arn"),
}


def _is_code(planned: dict[str, Any]) -> bool:
    """Whether a planned change affects only the code of a function."""
    change = planned["change"]
    if planned["type"] != "aws_lambda_function" or change["actions"] != ["update"]:
        return False
    changed = {name for name, value in change["after"].items() if change["before"].get(name) != value}
    return changed | {name for name, value in change["after_unknown"].items() if _any(value)} <= _DIGEST_FIELDS


def _any(unknown: Any) -> bool:
    """Whether any part of a value is unknown before the apply."""
    if isinstance(unknown, dict | list):
        return any(map(_any, unknown.values() if isinstance(unknown, dict) else unknown))
    return bool(unknown)


def differences(stack: Stack) -> list[str]:
    """List Terraform addresses that a plan would change, and functions whose code is not their package.

    Terraform compares code with the digest in its state, so the functions themselves are compared.
    """
    planned = [change["address"] for change in LocalTerraform(stack).changes() if not _is_code(change)]
    return planned + [f"the code of {function}" for function in redeploy.outdated(Aws(stack.endpoint).functions, stack)]
