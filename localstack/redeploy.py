"""Code and templates of this tree into the local stack, without Terraform; `make watch` and `make up` use it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, TemplateSyntaxError

from localstack import apply_check
from localstack.aws import Aws
from localstack.stack import Stack, StackError
from release import templates, traffic
from release.packaging import build, isolation, libraries
from release.packaging.libraries import BuildError
from release.traffic import TrafficError
from tooling.paths import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# Versions that are kept: the newest, and the one before it, which may still be at work.
_KEPT = 2
_WORKERS = 4


class Redeployed(NamedTuple):
    """What has changed.

    Args:
        functions: that have the traffic on their new version.
        templates: keys that were put into the bucket.
        refused: for each function whose new version does not run, why; its old version goes on.
    """

    functions: list[str]
    templates: list[str]
    refused: list[str]


def _package(stack: Stack, function: str) -> Path:
    folder = Path(stack.release, "packages") if stack.release else build.PACKAGES
    return folder / f"{function}.zip"


def _names(stack: Stack) -> dict[str, str]:
    """The functions' names in AWS, by folder.

    Raises:
        StackError: the stack has not all functions of this tree.
    """
    names: dict[str, str] = stack.outputs["function_names"]
    missing = [function for function in build.function_names() if function not in names and not stack.release]
    if missing:
        raise StackError(f"the stack has no {', '.join(missing)}: see that terraform/locals.tf has, and run `make up`")
    return names


def outdated(client: LambdaClient, stack: Stack) -> dict[str, bytes]:
    """The packages, by their function's folder, that are not what its newest version holds.

    Args:
        client: of Lambda.
        stack: whose packages are built.
    """
    found = {}
    for function, name in _names(stack).items():
        content = _package(stack, function).read_bytes()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if client.get_function_configuration(FunctionName=name)["CodeSha256"] != digest:
            found[function] = content
    return found


def publish(client: LambdaClient, stack: Stack) -> list[str]:
    """Publish a version of each function whose newest one is not what its package holds.

    Args:
        client: of Lambda.
        stack: whose packages are built.

    Returns:
        The folders of those functions; their traffic is where it was.
    """
    packages, names = outdated(client, stack), _names(stack)
    for function, content in packages.items():
        client.update_function_code(FunctionName=names[function], ZipFile=content, Publish=True)
    return list(packages)


def redeploy(stack: Stack) -> Redeployed:
    """Build what has changed, put changed templates into their bucket, and give new versions the traffic.

    Args:
        stack: that runs what is built from this tree.

    Raises:
        BuildError: a package could not be built; names file and line of what is not Python.
        StackError: a template is none, or the stack runs a release, or has not all functions.
    """
    if stack.release:
        raise StackError(f"the stack runs the release in {stack.release}: `make up` puts this tree there, then watch")
    found = checked_templates(stack)
    build.build_all()
    aws = _clients(stack.endpoint)
    as_applied = apply_check.reason(stack) is None
    # First: the new versions' processes read them anew.
    put = put_templates(aws.s3, stack, found)
    functions = publish(aws.functions, stack)
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        refusals = list(pool.map(lambda function: _shift(aws.functions, stack, function), functions))
    if as_applied:
        apply_check.note(stack)
    refused = {function: why for function, why in zip(functions, refusals, strict=True) if why}
    return Redeployed([function for function in functions if function not in refused], put, list(refused.values()))


# Made once: making them takes longer than what is asked of them.
_clients = cache(Aws)


def checked_templates(stack: Stack) -> dict[str, bytes]:
    """The templates that a stack is to have, by key.

    Raises:
        StackError: one is not Jinja2; names the file and the line.
    """
    root = Path(stack.release or ROOT)
    folder = root / "templates"
    found = {}
    jinja = Environment(autoescape=True)
    for path in sorted(folder.rglob("*")):
        if path.suffix in templates.ENDINGS:
            found[str(path.relative_to(folder))] = path.read_bytes()
            try:
                jinja.parse(path.read_text())
            except TemplateSyntaxError as error:
                raise StackError(f"{path.relative_to(root)}:{error.lineno}: {error.message}") from None
    return found


def put_templates(client: S3Client, stack: Stack, contents: Mapping[str, bytes]) -> list[str]:
    """Put those templates into their bucket that are not there as they are; return their keys."""
    bucket = stack.outputs["templates_bucket"]
    return [key for key, content in contents.items() if templates.put(client, bucket, key, content)]


def _shift(client: LambdaClient, stack: Stack, function: str) -> str | None:
    """Give a function's traffic to its newest version; or say why it does not run."""
    name = stack.outputs["function_names"][function]
    try:
        traffic.move_to_newest(client, [name])
    except TrafficError as error:
        return _why(_package(stack, function)) or str(error)
    forget(client, name)
    return None


def forget(client: LambdaClient, name: str) -> None:
    """Delete all versions of a function but the newest: each that was called keeps a process of the engine's."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    numbers = sorted(int(v["Version"]) for page in pages for v in page["Versions"] if v["Version"] != "$LATEST")
    for number in numbers[:-_KEPT]:
        client.delete_function(FunctionName=name, Qualifier=str(number))


def _why(package: Path) -> str | None:
    """Why a package cannot be imported: file and line in this tree, and the error; None if it can."""
    try:
        isolation.load(package, libraries.runtime_libraries())
    except BuildError as error:
        return blame(str(error), build.function_names())
    return None


def blame(traceback: str, functions: Collection[str]) -> str:
    """The last line of our own code in a traceback, and the error, in one line.

    Args:
        traceback: of an import, its paths as in this tree.
        functions: folders of the functions.
    """
    ours = "|".join(("common", "functions/adapters", *(f"functions/{name}" for name in functions)))
    places = re.findall(rf'File "((?:{ours})[^"]*)", line (\d+)', traceback)
    said = traceback.strip().splitlines()[-1]
    return f"{places[-1][0]}:{places[-1][1]}: {said}" if places else said
