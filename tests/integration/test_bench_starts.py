"""The floors of the bench: that a start is measured against the clients which its function makes, and no others."""

import json
import subprocess
import sys

import pytest

from labs.bench import init
from release.packaging import build
from tooling.paths import ROOT

# Before anything else, so that every module has this one.
_NOTE = """
import boto3
import atexit, json
names, make = [], boto3.client
boto3.client = lambda name, *arguments, **options: names.append(name) or make(name, *arguments, **options)
atexit.register(lambda: print(json.dumps(names)))
"""


def _clients(statements: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import tests.support.environment\n{_NOTE}\n{statements}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    made: list[str] = json.loads(done.stdout)
    return sorted(made)


@pytest.mark.parametrize("function", init.STARTS)
def test_the_floor_makes_the_clients_of_its_function(function: str) -> None:
    made = _clients(f"import functions.{function}.handler")
    assert made == _clients(init.floor_of(init.STARTS[function])) == sorted(init.STARTS[function].clients)


def test_every_function_of_the_api_has_a_floor() -> None:
    api = {name for name in build.function_names() if "functions.adapters.rest" in build.modules_of(name)}
    assert set(init.STARTS) == api | {"order_pdf_creator"}
