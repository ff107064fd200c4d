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
from localstack.engines.ministack import MiniStack
from localstack.redeploy import differences, redeploy
from localstack.targets import Platform
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]

HANDLER = "functions/get_order/handler.py"
TEMPLATE = "customer/order_status_update.txt"
# Documented as 0.5 s on a machine that does nothing else, and as 3 s where each save is packaged.
MAX_SECONDS = {"embedded": 3}
MAX_PACKAGED_SECONDS = 20
# Where saves are packaged, the first build of a copy builds every package.
START_SECONDS = 300
SAVES = 9


class Watched:
    """A copy of the working tree that is watched.

    Args:
        folder: Folder of the copy.
        log: File that the watch prints into.
        process: The watch.
    """

    def __init__(self, folder: Path, log: Path, process: subprocess.Popen[bytes]) -> None:
        self._folder = folder
        self._log = log
        self._process = process

    @property
    def folder(self) -> Path:
        """The folder of the copy."""
        return self._folder

    def kill(self) -> None:
        """End the watch without notice."""
        self._process.kill()
        self._process.wait(DEADLINE_SECONDS)

    def lines(self, text: str) -> list[str]:
        """The lines with a text that the watch has printed."""
        return [line for line in self._log.read_text().splitlines() if text in line]

    def save(self, path: str, change: Callable[[str], str]) -> None:
        """Save a file of the working tree with a change."""
        (self._folder / path).write_text(change((ROOT / path).read_text()))

    def wait_for(self, text: str, seconds: float = DEADLINE_SECONDS) -> str:
        """Wait until the watch prints a line with this text and return the line."""

        def printed() -> str | None:
            assert self._process.poll() is None, self._log.read_text()
            return next(iter(self.lines(text)), None)

        return poll(f"make watch prints {text!r}", printed, seconds)


def runs_tree() -> bool:
    """Whether functions run from the tree while the watch runs; otherwise each save is packaged and deployed."""
    return engines.require().engine == MiniStack.name


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The watch of a copy, one for all tests, each of which puts back what it has saved; the last one kills it.

    Afterwards the stack has the code and templates of the working tree again.
    """
    tmp_path = tmp_path_factory.mktemp("watch")
    if engines.require().release:
        pytest.skip("the stack runs a release, not a working tree")
    log = tmp_path / "watch.log"
    copy = working_tree.copy_to(tmp_path, *(() if runs_tree() else ("libraries",)))
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.ops", "stack", "watch"],
            cwd=copy,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "STACK_DIR": str(engines.require().directory), "PYTHONUNBUFFERED": "1"},
        )
    try:
        watched = Watched(copy, log, process)
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


def test_watch_runs_what_is_saved(
    watched: Watched, tenant: Tenant, record_property: Callable[[str, object], None]
) -> None:
    """A saved handler responds at once; a broken one is reported, and the last good one runs until the next save."""
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
    assert median < MAX_SECONDS.get(engines.require().engine, MAX_PACKAGED_SECONDS)

    added = len((ROOT / HANDLER).read_text().splitlines()) + 2
    watched.save(HANDLER, lambda source: source + "\ndef broken(:\n")
    assert "invalid syntax" in watched.wait_for(f"{HANDLER}:{added}: ")
    watched.save(HANDLER, lambda source: source + "\n\nfrom common.nothing import nothing\n")
    assert watched.wait_for(f"{HANDLER}:{added + 1}: ModuleNotFoundError: No module named 'common.nothing'")
    assert detail(tenant) == f"Save {SAVES - 1}.", "the last good version still runs"

    watched.save(HANDLER, str)
    wait_for_detail(tenant, before)


def live_version(platform: Platform, function: str) -> str:
    """The version that the alias of a function names."""
    name = platform.outputs["function_names"][function]
    return platform.aws.functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]


def test_watch_runs_several_saves_once(watched: Watched, platform: Platform) -> None:
    """Files that are saved together run together, and only in the functions that contain them."""

    def stored() -> str:
        bucket = platform.outputs["templates_bucket"]
        return platform.aws.s3.get_object(Bucket=bucket, Key=TEMPLATE)["Body"].read().decode()

    before = {function: live_version(platform, function) for function in platform.outputs["function_names"]}
    watched.save(HANDLER, lambda source: source + "\n# one\n")
    watched.save("functions/list_orders/handler.py", lambda source: source + "\n# two\n")
    watched.save(f"templates/{TEMPLATE}", lambda source: source + "Three.\n")

    # The packages of both functions that mail have all templates of mails, for when S3 does not respond.
    changed = ["customer_order_confirmation", "get_order", "list_orders", "order_internal_notification"]
    changed += ["order_pdf_creator"] if runs_tree() else []
    assert f"{', '.join([TEMPLATE, *sorted(changed)])} " in watched.wait_for(TEMPLATE)
    assert stored().endswith("Three.\n")
    watched.save(f"templates/{TEMPLATE}", lambda source: source + "{% if %}\n")
    assert watched.wait_for(f"templates/{TEMPLATE}:")
    assert len(watched.lines(f"{TEMPLATE}, ")) == 1, "each save is run once"
    moved = {function for function, version in before.items() if live_version(platform, function) != version}
    assert moved == (set() if runs_tree() else set(changed)), "nothing is packaged where functions run the tree"
    for path in (HANDLER, "functions/list_orders/handler.py", f"templates/{TEMPLATE}"):
        watched.save(path, str)
    as_before = (ROOT / "templates" / TEMPLATE).read_text()
    poll("the template as it was", lambda: stored() == as_before or None, DEADLINE_SECONDS)


def test_watch_leaves_no_drift(watched: Watched, tenant: Tenant) -> None:
    """After a change and its undoing have run, Terraform finds no difference."""
    before = detail(tenant)
    watched.save(HANDLER, with_detail("Changed."))
    wait_for_detail(tenant, "Changed.")
    watched.save(HANDLER, str)
    wait_for_detail(tenant, before)
    assert differences(engines.require()) == []


def test_watch_that_is_killed_leaves_packages(watched: Watched, tenant: Tenant) -> None:
    """The status names the tree that runs; when the watch is killed, the packages run again."""
    if not runs_tree():
        pytest.skip("functions run their packages on this engine")

    def status() -> str:
        command = [sys.executable, "-m", "cli.ops", "stack", "status"]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout

    before = detail(tenant)
    watched.save(HANDLER, with_detail("Not packaged."))
    wait_for_detail(tenant, "Not packaged.")
    assert str(watched.folder) in status()
    watched.kill()
    wait_for_detail(tenant, before)
    assert str(watched.folder) not in status()
