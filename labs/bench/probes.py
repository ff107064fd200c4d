"""A function's package, unpacked and run in a fresh process against a stack, and what that took of the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from localstack.aws import Aws
from localstack.stack import Stack, StackError
from release.packaging.build import packages_dir
from release.packaging.isolation import unpacked
from release.packaging.libraries import runtime_libraries

_PROBE = Path(__file__).parent / "floors" / "probe.py"
_SECONDS = 300


class Call(NamedTuple):
    """A call: seconds of computing, seconds of waiting for others than the processor, and what the handler answered."""

    cpu: float
    waiting: float
    answer: Any


class Probed(NamedTuple):
    """What a process took.

    Args:
        init: seconds of computing from its start to the ready handler.
        calls: in turn.
        peak: bytes of memory that it had at most.
    """

    init: float
    calls: tuple[Call, ...]
    peak: int


def probe(stack: Stack, function: str, events: list[dict[str, Any]]) -> Probed:
    """Give events to a function's handler, in a process that has its package and its environment.

    Args:
        stack: that it asks; with the rights of its root user.
        function: its folder.
        events: at least one.

    Raises:
        StackError: the handler raised, or did not end in time.
    """
    about = Aws(stack.endpoint).functions.get_function_configuration(
        FunctionName=stack.outputs["function_names"][function]
    )
    with unpacked(packages_dir() / f"{function}.zip") as package:
        taken = package / "taken.json"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(package), str(runtime_libraries())]),
            **about["Environment"]["Variables"],
            **stack.aws_environment(),
        }
        # -S: what is installed on this machine is not there in AWS.
        command = [sys.executable, "-S", str(_PROBE), f"functions.{function}.handler.lambda_handler", str(taken)]
        try:
            ended = subprocess.run(
                command,
                input="".join(json.dumps(event) + "\n" for event in events),
                cwd=package,
                env=environment,
                check=False,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise StackError(f"{function} did not handle {len(events)} events in {_SECONDS} s") from None
        if ended.returncode:
            raise StackError(f"{function} failed in a process of its own:\n{ended.stderr}")
        found = json.loads(taken.read_text())
    return Probed(found["init"], tuple(Call(**call) for call in found["calls"]), found["peak"])
