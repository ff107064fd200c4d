"""Functions are called as soon as Terraform has created them."""

from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from localstack import warm
from localstack.stack import Stack
from tests.support.lambda_functions import make_function
from tooling.polling import poll


def test_new_functions_are_called_once(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new function is called once, whether it succeeds or fails."""
    monkeypatch.setattr(warm, "_INTERVAL_SECONDS", 0.05)
    account = str(uuid4().int)[:12]
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name="af-south-1")
    called = tmp_path / "called"
    record = f"    open({str(called)!r}, 'a').write(context.function_name + '\\n')\n"

    def calls(names: list[str]) -> list[str] | None:
        found = called.read_text().split() if called.exists() else []
        return found if set(found) == set(names) else None

    functions = session.client("lambda", endpoint_url=stack.endpoint)
    with warm.new_functions(functions):
        names = [make_function(f"def handler(event, context):\n{record}", session)]
        poll("the first is called", lambda: calls(names), 60)
        names.append(make_function(f"def handler(event, context):\n{record}    raise ValueError\n", session))
        poll("the second is called", lambda: calls(names), 60)
        names.append(make_function(f"def handler(event, context):\n{record}", session))
        poll("the third is called", lambda: calls(names), 60)
    assert calls(names) == names


def test_engine_that_does_not_respond_is_left_to_later_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An apply succeeds although the engine is too busy to list its functions."""
    monkeypatch.setattr(warm, "_INTERVAL_SECONDS", 0.05)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="af-south-1")
    functions, failed = session.client("lambda"), Event()

    def fail(**_: Any) -> None:
        failed.set()
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    functions.meta.events.register("before-call.lambda.ListFunctions", fail)
    with warm.new_functions(functions):
        assert failed.wait(30)


def test_start_waits_and_start_soon_does_not(stack: Stack, tmp_path: Path) -> None:
    """`start` returns once each function has responded, and `start_soon` while its functions still start."""
    session = boto3.Session(aws_access_key_id=str(uuid4().int)[:12], aws_secret_access_key="test")
    functions = session.client("lambda", endpoint_url=stack.endpoint, region_name="af-south-1")
    gate = tmp_path / "gate"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n    time.sleep(0.05)\n"
    done = tmp_path / "done"
    body = f"def handler(event, context):\n    pathlib.Path({str(done)!r}).touch()\n"
    slow = make_function(waits + body, session)
    warm.start_soon(functions, [slow])
    assert not done.exists()
    gate.touch()
    poll("the function is called", lambda: done.exists() or None, 60)
    done.unlink()
    warm.start(functions, [slow])
    assert done.exists()
