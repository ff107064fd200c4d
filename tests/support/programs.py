"""Runs a program of this project in the process of a test: each start as a process would import all that it can do."""

import io
import os
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from unittest.mock import patch

import boto3
import pytest

from tooling.paths import ROOT


def program(name: str) -> Callable[[], object]:
    """What `bin/NAME` runs: ops or release."""
    return partial(runpy.run_path, str(ROOT / "cli" / f"{name}.py"), run_name="__main__")


def run_here(main: Callable[[], object], arguments: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str]:
    """Exit status and output of a program.

    Args:
        main: Runs it as Python's main module, which ends with sys.exit.
        arguments: Its command line, from the program's name on.
        variables: All its environment variables.
    """
    with (
        patch.dict(os.environ, variables, clear=True),
        patch.object(sys, "argv", list(arguments)),
        # Its session would have the credentials of an earlier test.
        patch.object(boto3, "DEFAULT_SESSION", None),
        io.StringIO() as output,
        redirect_stdout(output),
        redirect_stderr(output),
    ):
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, output.getvalue()
