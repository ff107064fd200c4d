"""A working tree with one function, and an engine of its own whose function is of that tree."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localstack import processes
from localstack.aws import Aws
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack
from release import traffic

HANDLER = "functions/small/handler.py"
TEXT = "common/text.py"
# The package's own module, which is no part of a tree.
ENTRY = "from functions.small.handler import handler\n"
SOURCE = """from common.text import TEXT


def handler(event, context):
    answer = event.get("answer", TEXT)
    return answer
"""


def modules(text: str) -> dict[str, str]:
    """The modules of a tree whose function returns a text."""
    return {
        "functions/__init__.py": "",
        "functions/small/__init__.py": "",
        HANDLER: SOURCE,
        "common/__init__.py": "",
        TEXT: f"TEXT = {text!r}\n",
    }


def save(root: Path, files: Mapping[str, str]) -> None:
    """Write files of a tree, by path."""
    for path, source in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source)


@contextmanager
def engine(folder: Path) -> Iterator[Stack]:
    """An engine on free ports, which the clients of the tests use."""
    stack = Stack(folder, ports={"engine": processes.free_port()})
    try:
        MiniStack().start(stack)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", stack.endpoint)
            yield stack
    finally:
        MiniStack().stop(stack)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An engine of a test's module: a tree concerns all functions of an engine."""
    with engine(tmp_path_factory.mktemp("engine")) as stack:
        yield stack


def call(stack: Stack, function: str, qualifier: str = traffic.ALIAS, event: object = None) -> Any:
    """What a function returns, or its error."""
    response = Aws(stack.endpoint).functions.invoke(
        FunctionName=function, Qualifier=qualifier, Payload=json.dumps(event or {})
    )
    return json.load(response["Payload"])
