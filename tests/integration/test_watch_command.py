"""`make watch` and `make status` on a bare engine whose only function is of a small working tree."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from localstack.aws import Aws
from localstack.stack import REGION, Stack
from tests.support.lambda_functions import make_function
from tests.support.trees import ENTRY, TEXT, call, engine, modules, save
from tooling.paths import ROOT
from tooling.polling import poll

SECONDS = 90
TEMPLATE = "templates/customer/status.txt"
BUCKET = "templates-of-watch"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with the commands of this one, and a function and a template of its own."""
    folder = tmp_path / "tree"
    for name in ("cli", "evidence", "labs", "localstack", "ops", "release", "tooling"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Commands import the order's own modules, which the small function does not.
    shutil.copytree(ROOT / "common", folder / "common", ignore=shutil.ignore_patterns("__pycache__"))
    save(folder, modules("first") | {TEMPLATE: "Dear {{ name }}\n"})
    return folder


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An engine with a bucket for templates."""
    with engine(tmp_path / "stack") as stack:
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield stack


def test_watch_runs_saves_and_ends_with_packages(tree: Path, stack: Stack, tmp_path: Path) -> None:
    """A save runs at once, a broken one is reported with its line, and after Ctrl-C the package runs again."""
    function = make_function(ENTRY, modules=modules("packaged"))
    stack.outputs = {
        "function_names": {"small": function},
        "templates_bucket": BUCKET,
        "queue_names": {},
        "dlq_names": {},
        "api_id": "none",
        "stage": "none",
    }
    stack.save()
    environment = {**os.environ, "STACK_DIR": str(stack.directory), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "cli.ops", "stack"]
    log = tmp_path / "watch.log"

    def printed(text: str) -> None:
        poll(f"the watch prints {text!r}", lambda: text in log.read_text() or None, SECONDS)

    def runs(text: str) -> None:
        poll(f"the function returns {text!r}", lambda: call(stack, function) == text or None, SECONDS)

    def status() -> str:
        done = subprocess.run(
            [*command, "status"], cwd=tree, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    with (
        log.open("w") as output,
        subprocess.Popen([*command, "watch"], cwd=tree, env=environment, stdout=output) as watch,
    ):
        try:
            printed("press Ctrl-C to stop")
            assert call(stack, function) == "first"
            assert f"run what is saved in {tree}" in status()
            save(tree, {TEXT: "TEXT = 'second'\n"})
            runs("second")
            printed(" small ")
            save(tree, {TEXT: "TEXT = (\n"})
            printed(f"{TEXT}:1: SyntaxError: '(' was never closed (the last good version still runs)")
            assert call(stack, function) == "second"
            save(tree, {TEMPLATE: "Dear {% name }}\n"})
            printed(f"{TEMPLATE}:1: ")
            save(tree, {TEMPLATE: "Hello {{ name }}\n", TEXT: "TEXT = 'third'\n"})
            runs("third")
            stored = Aws(stack.endpoint).s3.get_object(Bucket=BUCKET, Key="customer/status.txt")["Body"].read()
            assert stored == b"Hello {{ name }}\n"
            watch.send_signal(signal.SIGINT)
            assert watch.wait(SECONDS) == 130
        finally:
            watch.kill()
    printed("the functions run their packages again; `make up` packages what you saved")
    runs("packaged")
    assert "run what is saved" not in status()
