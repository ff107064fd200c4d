"""Pytest plugin that records what the evidence pack shows: test results, times of orders, and what the customer got.

Works with and without xdist: each worker appends times to its own file, and the controller writes the test results.
"""

import ast
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from evidence.stages import PytestRun, RecordedTest, StepTime, redact
from release import history, manifest
from release.environments import ENVIRONMENTS
from release.manifest import Manifest, ManifestError
from release.store import Store
from tooling.agreed_limits import LOADS, Load, Step

# Where a stack can be tested: on this machine, or in the account of an environment.
TARGETS = ("local", *ENVIRONMENTS)
_MAX_MESSAGE = 2_000
# A first check this soon after the response counts: the order cannot have reached the step much earlier.
_PROMPT_SECONDS = 0.1


@dataclass(frozen=True)
class LocalStack:
    """The local stack that a run tests: its engine, and the folder of its release (None for the working tree)."""

    engine: str
    release: str | None


# A conftest that tests a local stack sets this; without it the records name no engine and no release.
LOCAL_STACK = pytest.StashKey[LocalStack]()


class Recorder:
    """Saves exhibits and times of a test process.

    Args:
        folder: Records folder of the stage; None discards everything.
        worker: Name of the process, unique among the processes that run tests.
    """

    def __init__(self, folder: Path | None, worker: str) -> None:
        self._folder = folder
        self._worker = worker

    def save_exhibit(self, name: str, content: bytes) -> None:
        """Save a file whose name is in `stages.EXHIBITS`."""
        if self._folder:
            (self._folder / name).write_bytes(content)

    def save_time(self, load: Load, step: Step, seconds: float) -> None:
        """Save how long an order took to reach a step."""
        if self._folder:
            with (self._folder / f"times-{self._worker}.jsonl").open("a") as lines:
                lines.write(StepTime(load=load, step=step, seconds=max(seconds, 0)).json() + "\n")


class OrderTimer:
    """Measures how long orders take to reach each step, from the request, by this machine's clock."""

    def __init__(self, recorder: Recorder, load: Load) -> None:
        self._recorder = recorder
        self._load = load
        self._sent: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        self._not_yet: set[tuple[str, Step]] = set()
        self._reached: set[tuple[str, Step]] = set()

    def accepted(self, key: str, sent_at: float, seconds: float) -> None:
        """Start timing an order that the API has accepted; a repeated request changes nothing.

        Args:
            key: Order id or correlation id.
            sent_at: When the request was sent, in seconds since the epoch.
            seconds: Time until the response.
        """
        if key not in self._sent:
            self._sent[key], self._answered[key] = sent_at, sent_at + seconds
            self._recorder.save_time(self._load, "accepted", seconds)

    def add_key(self, key: str, other: str) -> None:
        """Add another key for the same order."""
        self._sent.setdefault(other, self._sent[key])
        self._answered.setdefault(other, self._answered[key])

    def checked(self, key: str, step: Step, reached: bool, started_at: float) -> None:
        """Record whether a check that began at `started_at` found that an order has reached a step.

        The time counts only if an earlier check failed or this one came promptly; otherwise it would measure how
        busy the test was.
        """
        if not reached:
            self._not_yet.add((key, step))
        elif (key, step) in self._not_yet or started_at - self._answered.get(key, 0) < _PROMPT_SECONDS:
            self.reached(key, step, time.time())

    def reached(self, key: str, step: Step, at: float) -> None:
        """Save the time of a step the first time that a timed order reaches it; `at` is in seconds since the epoch."""
        if key in self._sent and (key, step) not in self._reached:
            self._reached.add((key, step))
            self._recorder.save_time(self._load, step, at - self._sent[key])


class CollectedTests:
    """Counts the tests that a run can choose from: in pytest alone, and in the workers for the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.count = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Count the tests before some are left out."""
        self.count = len(items)
        # Only a worker has it.
        getattr(self._config, "workeroutput", {}).update(collected=self.count)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the number from a worker that has ended; each collects all tests."""
        self.count = max(self.count, getattr(node, "workeroutput", {}).get("collected", 0))


class RunReporter:
    """Writes the test results at the end of a pytest run to the records folder of the stage."""

    def __init__(self, folder: Path, config: pytest.Config, collected: CollectedTests) -> None:
        self._folder = folder
        self._config = config
        self._collected = collected
        self._started = datetime.now(UTC)
        self._tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result of one phase of a test."""
        found = self._tests.setdefault(report.nodeid, {"outcome": "skipped", "seconds": 0.0, "message": ""})
        found["seconds"] += report.duration
        if report.failed:
            found.update(outcome="failed", message=_message(report))
        elif report.when == "call" and found["outcome"] != "failed":
            found["outcome"] = report.outcome

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take a file that could not be imported as a failed test."""
        if report.failed:
            self._tests[report.nodeid] = {"outcome": "failed", "seconds": 0.0, "message": _message(report)}

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the run and the manifest of the tested release."""
        target = self._config.getoption("--target")
        local = self._config.stash.get(LOCAL_STACK, None) if target == "local" else None
        release = _tested_release(target, local)
        commit, changed = _commit()
        if release:
            (self._folder / manifest.NAME).write_bytes(release.encode())
        run = PytestRun(
            target=target,
            engine=local.engine if local else None,
            marks=self._config.getoption("markexpr"),
            selection=_selection(self._config),
            quick=self._config.getoption("--quick-run"),
            collected=self._collected.count,
            commit=commit,
            changed=changed,
            release=release.digest() if release else None,
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            started_at=self._started,
            seconds=(datetime.now(UTC) - self._started).total_seconds(),
            exit_status=int(exitstatus),
            tests=[
                RecordedTest.parse_obj(describe_test(self._config.rootpath, node) | found)
                for node, found in self._tests.items()
            ],
        )
        (self._folder / f"run-{self._started:%Y%m%dT%H%M%S.%f}.json").write_text(run.json(indent=1))


def _commit() -> tuple[str, bool]:
    """The tested commit, and whether there are uncommitted changes; it is unknown where git knows of none."""
    try:
        return manifest.head()
    except ManifestError:
        return "unknown", False


def _selection(config: pytest.Config) -> str:
    """The options that chose some of the tests: a keyword expression, and those that failed last time."""
    last_failed = ["--last-failed"] if config.getoption("lf", False) else []
    return " ".join([config.getoption("keyword"), *last_failed]).strip()


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return redact(crash.message if crash else report.longreprtext)[:_MAX_MESSAGE]


def _tested_release(target: str, local: LocalStack | None) -> Manifest | None:
    """Manifest of the release that runs in a target; None if it runs a working tree."""
    if target == "local":
        return manifest.read(Path(local.release) / manifest.NAME) if local and local.release else None
    environment = ENVIRONMENTS[target]  # type: ignore[index]  # choices of the option
    store = Store(boto3.client("s3", region_name=environment.region), environment.release_bucket)
    live = history.live(store, target) if store.exists() else None  # type: ignore[arg-type]
    return store.manifest(live.release) if live else None


@cache
def _sentences(file: Path) -> Mapping[str, str]:
    """First line of each test's docstring, by test name."""
    tree = ast.parse(file.read_text())
    texts = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name: text.splitlines()[0].removesuffix(".") for name, text in texts.items() if text}


def describe_test(root: Path, node: str) -> dict[str, str]:
    """Describe a test in plain words, by its node id: the first line of its docstring, else its name."""
    file, _, rest = node.partition("::")
    name, _, case = rest.partition("[")
    if not name:
        return {"file": file, "sentence": "The file could not be imported", "case": ""}
    sentence = _sentences(root / file).get(name) or name.removeprefix("test_").replace("_", " ").capitalize()
    return {"file": file, "sentence": sentence, "case": case.removesuffix("]")}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --target, --evidence and --quick-run."""
    parser.addoption("--target", choices=TARGETS, default="local", help="environment of the stack to test")
    parser.addoption("--evidence", type=Path, help="folder for the records that the evidence pack is rendered from")
    parser.addoption("--quick-run", action="store_true", help="record that no other run follows for the other tests")


def pytest_configure(config: pytest.Config) -> None:
    """Record the run if --evidence gives a folder; with xdist only the controller does."""
    folder = _stage_folder(config)
    if not folder:
        return
    collected = CollectedTests(config)
    config.pluginmanager.register(collected, "collected tests")
    if not hasattr(config, "workerinput"):
        folder.mkdir(parents=True, exist_ok=True)
        config.pluginmanager.register(RunReporter(folder, config, collected), "evidence")


def _stage_folder(config: pytest.Config) -> Path | None:
    base: Path | None = config.getoption("--evidence")
    return base / config.getoption("--target") if base else None


@pytest.fixture(scope="session")
def evidence(pytestconfig: pytest.Config) -> Recorder:
    """Saves exhibits and times for the evidence pack."""
    return Recorder(_stage_folder(pytestconfig), os.environ.get("PYTEST_XDIST_WORKER", "main"))


@pytest.fixture
def timer(request: pytest.FixtureRequest, evidence: Recorder) -> OrderTimer:
    """Times the orders of a test, unless the test delays them on purpose."""
    mark = request.node.get_closest_marker("load")
    load = mark.args[0] if mark else "alongside other tests"
    return OrderTimer(evidence, load) if load in LOADS else OrderTimer(Recorder(None, ""), "alongside other tests")
