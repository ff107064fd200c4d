"""Emulators of AWS that a stack can run on: MiniStack in a virtual environment, LocalStack in Docker or without.

Start with `choose`; the engines are alike. Without Cognito the harness's issuer gives users tokens.
"""

from collections.abc import Mapping
from pathlib import Path

from localstack import stack as stacks
from localstack.engines.localstack import LACKS, LocalStack
from localstack.engines.localstack_host import LocalStackHost
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack, StackError
from tooling import docker

type Engine = MiniStack | LocalStack | LocalStackHost


def choose(name: str | None) -> Engine:
    """Return the engine with a name; MiniStack without one, since it runs everywhere and emulates the whole stack.

    Raises StackError: There is no such engine, or it cannot run here.
    """
    if name in (None, "", "embedded"):
        return MiniStack()
    if name == "localstack-host":
        return LocalStackHost()
    if name != "localstack":
        raise StackError(f"there is no engine {name}: ENGINE is embedded, localstack or localstack-host")
    if not docker.available():
        raise StackError(
            "ENGINE=localstack needs Docker, which does not respond: start Docker, or use ENGINE=localstack-host"
        )
    return LocalStack()


def title(engine: Engine) -> str:
    """The engine's name, and whether it runs from an image that is not the real one."""
    stand_in = isinstance(engine, LocalStack) and (docker.LOCALSTACK.is_stand_in() or docker.LAMBDA.is_stand_in())
    return f"{engine.name} (stand-in images)" if stand_in else engine.name


def stop(stack: Stack) -> None:
    """Stop the engine of a stack; without a readable stack.json, also what Docker runs for its folder."""
    if stack.running:
        choose(stack.engine).stop(stack)
    elif docker.available():
        LocalStack().stop(stack)


def lacks(name: str) -> Mapping[str, str]:
    """What an engine lacks of what our tests need: features, each with a sentence that names the version."""
    return {} if name == MiniStack.name else LACKS


def require(directory: Path | None = None) -> Stack:
    """Return the stack in a folder, if its engine responds.

    Raises StackError: There is no stack, or its engine has ended or does not respond.
    """
    stack = stacks.require(directory)
    engine, name = choose(stack.engine), f"the engine of the stack in {stack.directory}"
    if engine.healthy(stack):
        return stack
    if found := engine.unresponsive(stack):
        raise StackError(f"{name}, {found}, does not respond: wait, or end it with `make down`")
    raise StackError(f"{name} has ended, and its orders are gone: `make up` starts an empty one")
