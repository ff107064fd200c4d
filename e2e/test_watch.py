"""`make watch`: from a save to the answer of the API, in a copy of this tree."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from e2e.tenant import DEADLINE_SECONDS, Tenant
from localstack import engines
from localstack.drift import differences
from localstack.redeploy import redeploy
from localstack.targets import Platform
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

HANDLER = "functions/get_order/handler.py"
TEMPLATE = "customer/order_status_update.txt"
# What is promised is 3 s, on a machine that does nothing else.
MARGIN_SECONDS = 20
# The first build of a copy is of all packages.
START_SECONDS = 300
SAVES = 5


class Watched:
    """A copy of this tree that is watched.

    Args:
        folder: of the copy.
        log: what the watch prints.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log

    def save(self, path: str, change: Callable[[str], str]) -> None:
        """Save a file as it is in this tree, with a change."""
        (self._folder / path).write_text(change((ROOT / path).read_text()))

    def says(self, text: str, seconds: float = DEADLINE_SECONDS) -> str:
        """The line with a text, once it is printed."""

        def ask() -> str | None:
            return next((line for line in self._log.read_text().splitlines() if text in line), None)

        return poll(f"make watch prints {text!r}", ask, seconds)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """The watch of a copy; afterwards the stack has what is in this tree again."""
    if engines.require().release:
        pytest.skip("the stack runs a release, which is not watched")
    copy, log = tmp_path / "copy", tmp_path / "watch.log"
    for name in ("common", "fixtures", "functions", "localstack", "release", "requirements", "templates"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "build" / "libraries", copy / "build" / "libraries")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "localstack", "watch"],
            cwd=copy,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "STACK_DIR": str(engines.require().directory), "PYTHONUNBUFFERED": "1"},
        )
    try:
        watched = Watched(copy, log)
        watched.says("press Ctrl-C to stop", START_SECONDS)
        yield watched
    finally:
        process.terminate()
        process.wait(20)
        redeploy(engines.require())


def detail(tenant: Tenant) -> str:
    """What the API says of an order that is not there."""
    answer = requests.get(
        f"{tenant.platform.api_url}/v1.0/orders/{uuid4()}",
        headers={"Authorization": f"Bearer {tenant.tokens['IdToken']}"},
        timeout=30,
    )
    assert answer.status_code == 404
    return str(answer.json()["detail"])


def wait_for(tenant: Tenant, text: str) -> None:
    """Wait until the API says something of an order that is not there."""
    poll(f"the API says {text!r}", lambda: detail(tenant) == text or None, DEADLINE_SECONDS)


def saying(text: str) -> Callable[[str], str]:
    """A change of the handler: it says something else of an order that is not there."""
    return lambda source: source.replace("raise OrderNotFoundError\n", f"raise OrderNotFoundError({text!r})\n")


def test_what_is_saved_is_live_and_what_is_broken_is_not(
    watched: Watched, tenant: Tenant, record_property: Callable[[str, object], None]
) -> None:
    before = detail(tenant)
    seconds = []
    for number in range(SAVES):
        text = f"Save {number}."
        saved = time.monotonic()
        watched.save(HANDLER, saying(text))
        wait_for(tenant, text)
        seconds.append(time.monotonic() - saved)
    median = statistics.median(seconds)
    record_property("make watch, from save to answer", f"median {median:.2f} s of {SAVES}")
    assert median < MARGIN_SECONDS

    added = len((ROOT / HANDLER).read_text().splitlines()) + 2
    watched.save(HANDLER, lambda source: source + "\ndef broken(:\n")
    assert watched.says(f"{HANDLER}:{added}: invalid syntax")
    watched.save(HANDLER, lambda source: source + "\nfrom common.nothing import nothing\n")
    assert watched.says(f"{HANDLER}:{added}: ModuleNotFoundError: No module named 'common.nothing'")
    assert detail(tenant) == f"Save {SAVES - 1}.", "the version that ran goes on"

    watched.save(HANDLER, str)
    wait_for(tenant, before)


def test_several_saves_at_once_a_template_and_no_loop(watched: Watched, platform: Platform) -> None:
    def stored() -> str:
        bucket = platform.outputs["templates_bucket"]
        return platform.aws.s3.get_object(Bucket=bucket, Key=TEMPLATE)["Body"].read().decode()

    def live(function: str) -> str:
        name = platform.outputs["function_names"][function]
        return platform.aws.functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]

    functions = ("get_order", "list_orders", "customer_order_confirmation")
    before = [live(function) for function in functions]
    untouched = live("create_order")
    watched.save(HANDLER, lambda source: source + "\n# one\n")
    watched.save("functions/list_orders/handler.py", lambda source: source + "\n# two\n")
    watched.save(f"templates/{TEMPLATE}", lambda source: source + "Three.\n")

    def moved() -> list[str] | None:
        now = [live(function) for function in functions]
        return now if all(new != old for new, old in zip(now, before, strict=True)) else None

    after = poll("the three functions are moved", moved, DEADLINE_SECONDS)
    assert stored().endswith("Three.\n")
    watched.save(f"templates/{TEMPLATE}", lambda source: source + "{% if %}\n")
    assert watched.says(f"templates/{TEMPLATE}:")
    assert [live(function) for function in functions] == after, "a save is deployed once"
    assert live("create_order") == untouched, "what does not hold the change stays"


def test_terraform_sees_nothing_of_it_afterwards() -> None:
    assert differences(engines.require()) == []
