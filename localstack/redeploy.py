"""Deploys code and templates of this tree to the local stack without Terraform, and lists how the stack differs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from localstack import packages
from localstack.aws import Aws
from localstack.stack import Stack, StackError
from localstack.terraform import LocalTerraform
from release import traffic
from release.packaging import build
from release.store import TEMPLATES, Store
from release.traffic import TrafficError
from tooling.paths import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# The newest version, and the previous one, which may still have calls in flight.
_VERSIONS_KEPT = 2
# Attributes that change with the digest of the code.
_DIGEST_FIELDS = {
    *("source_code_hash", "code_sha256", "last_modified"),
    *("version", "qualified_arn", "qualified_invoke_arn"),
}


class Redeployed(NamedTuple):
    """Functions whose traffic is on a new version, and keys of the templates that were uploaded."""

    functions: list[str]
    templates: list[str]
    # Reasons why a new version does not run, one for each such function; its old version stays live.
    refused: list[str]


@cache
def clients(endpoint: str) -> Aws:
    """The clients of an engine; creating them takes longer than the calls."""
    aws = Aws(endpoint)
    # Created here, since threads cannot share a session that creates clients.
    _ = aws.s3, aws.functions
    return aws


def redeploy(stack: Stack) -> Redeployed:
    """Build what has changed, upload changed templates, and shift the traffic to new versions.

    Raises:
        BuildError: A package cannot be built; the message names file and line if the cause is a syntax error.
        StackError: A template has a syntax error, or the stack runs a release or lacks a function.
    """
    require_tree(stack)
    contents = checked_templates(stack)
    packages.build_all(stack)
    aws, terraform = clients(stack.endpoint), LocalTerraform(stack)
    with terraform.leaving_as_applied():
        # Templates first: processes of new versions read them when they start.
        uploaded = put_templates(aws.s3, stack, contents)
        functions = publish(aws.functions, stack)
        with ThreadPoolExecutor(max_workers=4) as pool:
            refusals = list(pool.map(lambda function: _shift(aws.functions, stack, function), functions))
    refused = {function: why for function, why in zip(functions, refusals, strict=True) if why}
    return Redeployed([name for name in functions if name not in refused], uploaded, list(refused.values()))


def require_tree(stack: Stack) -> None:
    """Raise StackError if the stack runs a release, or lacks a function of this tree."""
    if stack.release:
        raise StackError(f"the stack runs the release in {stack.release}: `make up` deploys this tree")
    _names(stack)


def upload_templates(stack: Stack) -> list[str]:
    """Upload the templates of this tree that differ; returns their keys. Raises StackError: one is not Jinja2."""
    return put_templates(clients(stack.endpoint).s3, stack, checked_templates(stack))


def _names(stack: Stack) -> dict[str, str]:
    """AWS names of the functions, by folder; StackError if the stack lacks a function of this tree."""
    names: dict[str, str] = stack.outputs["function_names"]
    missing = [function for function in build.function_names() if function not in names and not stack.release]
    if missing:
        raise StackError(f"the stack has no {', '.join(missing)}: add it to terraform/locals.tf, then run `make up`")
    return names


def outdated(client: LambdaClient, stack: Stack) -> dict[str, bytes]:
    """Packages that differ from the newest version of their function, by the function's folder."""
    found = {}
    for function, name in _names(stack).items():
        content = packages.package(stack, function).read_bytes()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if client.get_function_configuration(FunctionName=name)["CodeSha256"] != digest:
            found[function] = content
    return found


def publish(client: LambdaClient, stack: Stack) -> list[str]:
    """Publish, without traffic, a version of each function whose package differs from its newest; return folders."""
    changed, names = outdated(client, stack), _names(stack)
    for function, content in changed.items():
        client.update_function_code(FunctionName=names[function], ZipFile=content, Publish=True)
    return list(changed)


def checked_templates(stack: Stack) -> dict[str, bytes]:
    """Read the templates that a stack should have, by key; StackError with file and line if one is not Jinja2."""
    # Imported late: commands that only stop or show a stack do not need it.
    from jinja2 import Environment, TemplateSyntaxError

    root = Path(stack.release or ROOT)
    folder = root / "templates"
    found = {}
    jinja = Environment(autoescape=True)
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEMPLATES:
            found[str(path.relative_to(folder))] = path.read_bytes()
            try:
                jinja.parse(path.read_text())
            except TemplateSyntaxError as error:
                raise StackError(f"{path.relative_to(root)}:{error.lineno}: {error.message}") from None
    return found


def put_templates(client: S3Client, stack: Stack, contents: Mapping[str, bytes]) -> list[str]:
    """Upload the templates that differ from those in the bucket; return their keys."""
    bucket = Store(client, stack.outputs["templates_bucket"])
    return [key for key, content in contents.items() if bucket.put_template(key, content)]


def _shift(client: LambdaClient, stack: Stack, function: str) -> str | None:
    """Shift a function's traffic to its newest version, or return why that does not run."""
    name = stack.outputs["function_names"][function]
    try:
        traffic.move_to_newest(client, [name])
    except TrafficError as error:
        import_error = packages.import_error(stack, function)
        return blame(import_error, build.function_names()) if import_error else str(error)
    delete_old_versions(client, name)
    return None


def delete_old_versions(client: LambdaClient, name: str) -> None:
    """Delete a function's old versions, since the engine keeps a process for each that was called."""
    for number in traffic.versions(client, name)[:-_VERSIONS_KEPT]:
        client.delete_function(FunctionName=name, Qualifier=str(number))


def blame(traceback: str, functions: Collection[str]) -> str:
    """Reduce the traceback of an import to the last line of our own code, and the error."""
    ours = "|".join(("common", "functions/adapters", *(f"functions/{name}" for name in functions)))
    places = re.findall(rf'File "((?:{ours})[^"]*)", line (\d+)', traceback)
    error = traceback.strip().splitlines()[-1]
    return f"{places[-1][0]}:{places[-1][1]}: {error}" if places else error


def _is_code(planned: dict[str, Any]) -> bool:
    """Whether a planned change affects only the code of a function."""
    change = planned["change"]
    if planned["type"] != "aws_lambda_function" or change["actions"] != ["update"]:
        return False
    # What is unknown before the apply is true, at any depth.
    changed = {name for name, value in change["after"].items() if change["before"].get(name) != value}
    return changed | {name for name, value in change["after_unknown"].items() if "True" in str(value)} <= _DIGEST_FIELDS


def differences(stack: Stack) -> list[str]:
    """List Terraform addresses that a plan would change, and functions whose code is not their package."""
    # Terraform compares code only with the digest in its state.
    planned = [change["address"] for change in LocalTerraform(stack).changes() if not _is_code(change)]
    return planned + [f"the code of {function}" for function in outdated(Aws(stack.endpoint).functions, stack)]
