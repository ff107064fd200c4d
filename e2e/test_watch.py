"""`make watch`: from a saved file to the response of the API, in a copy of the working tree."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from e2e import working_tree
from e2e.tenant import DEADLINE_SECONDS, Tenant
from localstack import engines
from localstack.redeploy import differences, redeploy
from localstack.targets import Platform
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

HANDLER = "functions/get_order/handler.py"
TEMPLATE = "customer/order_status_update.txt"
# Documented as 3 s on a machine that does nothing else.
MAX_SECONDS = 20
# The first build of a copy builds every package.
START_SECONDS = 300
SAVES = 5


class Watched:
    """A copy of the working tree that is watched.

    Args:
        folder: Folder of the copy.
        log: File that the watch prints into.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log

    def save(self, path: str, change: Callable[[str], str]) -> None:
        """Save a file of the working tree with a change."""
        (self._folder / path).write_text(change((ROOT / path).read_text()))

    def wait_for(self, text: str, seconds: float = DEADLINE_SECONDS) -> str:
        """Wait until the watch prints a line with this text and return the line."""

        def attempt() -> str | None:
            return next((line for line in self._log.read_text().splitlines() if text in line), None)

        return poll(f"make watch prints {text!r}", attempt, seconds)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """The watch of a copy; afterwards the stack runs the working tree again."""
    if engines.require().release:
        pytest.skip("the stack runs a release, not a working tree")
    copy, log = tmp_path / "copy", tmp_path / "watch.log"
    working_tree.copy_to(copy, "libraries")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.ops", "stack", "watch"],
            cwd=copy,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "STACK_DIR": str(engines.require().directory), "PYTHONUNBUFFERED": "1"},
        )
    try:
        watched = Watched(copy, log)
        watched.wait_for("press Ctrl-C to stop", START_SECONDS)
        yield watched
    finally:
        process.terminate()
        process.wait(20)
        redeploy(engines.require())


def detail(tenant: Tenant) -> str:
    """The detail of the API's response to a request for an unknown order."""
    response = requests.get(
        f"{tenant.platform.api_url}/v1.0/orders/{uuid4()}",
        headers={"Authorization": f"Bearer {tenant.tokens['IdToken']}"},
        timeout=30,
    )
    assert response.status_code == 404
    return str(response.json()["detail"])


def wait_for_detail(tenant: Tenant, text: str) -> None:
    """Wait until the API's response to a request for an unknown order has this detail."""
    poll(f"the API responds {text!r}", lambda: detail(tenant) == text or None, DEADLINE_SECONDS)


def with_detail(text: str) -> Callable[[str], str]:
    """A change of the handler: another detail for an unknown order."""
    return lambda source: source.replace("raise OrderNotFoundError\n", f"raise OrderNotFoundError({text!r})\n")


def test_watch_deploys_what_is_saved(
    watched: Watched, tenant: Tenant, record_property: Callable[[str, object], None]
) -> None:
    """The watch deploys a saved handler within seconds; it reports a broken one and leaves the old one running."""
    before = detail(tenant)
    seconds = []
    for number in range(SAVES):
        text = f"Save {number}."
        saved = time.monotonic()
        watched.save(HANDLER, with_detail(text))
        wait_for_detail(tenant, text)
        seconds.append(time.monotonic() - saved)
    median = statistics.median(seconds)
    record_property("make watch, from save to response", f"median {median:.2f} s of {SAVES}")
    assert median < MAX_SECONDS

    added = len((ROOT / HANDLER).read_text().splitlines()) + 2
    watched.save(HANDLER, lambda source: source + "\ndef broken(:\n")
    assert watched.wait_for(f"{HANDLER}:{added}: invalid syntax")
    watched.save(HANDLER, lambda source: source + "\nfrom common.nothing import nothing\n")
    assert watched.wait_for(f"{HANDLER}:{added}: ModuleNotFoundError: No module named 'common.nothing'")
    assert detail(tenant) == f"Save {SAVES - 1}.", "the last good version still runs"

    watched.save(HANDLER, str)
    wait_for_detail(tenant, before)


def test_watch_deploys_several_saves_once(watched: Watched, platform: Platform) -> None:
    """The watch deploys several files saved together once, and only to the functions that contain them."""

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

    after = poll("the three functions at a new version", moved, DEADLINE_SECONDS)
    assert stored().endswith("Three.\n")
    watched.save(f"templates/{TEMPLATE}", lambda source: source + "{% if %}\n")
    assert watched.wait_for(f"templates/{TEMPLATE}:")
    assert [live(function) for function in functions] == after, "each save is deployed once"
    assert live("create_order") == untouched, "a function without the change stays as it is"


def test_watch_leaves_no_drift(watched: Watched, platform: Platform) -> None:
    """After the watch has deployed a change and its undoing, Terraform finds no difference."""
    name = platform.outputs["function_names"]["get_order"]

    def live() -> str:
        return platform.aws.functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]

    def save(change: Callable[[str], str]) -> None:
        before = live()
        watched.save(HANDLER, change)
        poll("the function at a new version", lambda: live() != before or None, DEADLINE_SECONDS)

    save(lambda source: source + "\n# changed\n")
    save(str)
    assert differences(engines.require()) == []
