"""What the evidence pack is drawn from: the tests, how soon orders came through, and what the customer got.

A plugin of pytest that works with and without xdist: each worker writes files of its own, the controller the tests.
"""

import ast
import os
import platform as machines
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from evidence import stages
from evidence.stages import Run, Time, Tried
from release import history, manifest
from release.environments import ENVIRONMENTS
from release.manifest import Sha256
from release.store import Store
from tooling.agreed_limits import LOADS, Load, Step

# Where a stack can be tested: on this machine, or in the account of an environment.
TARGETS = ("local", *ENVIRONMENTS)
_MESSAGE_CHARACTERS = 2_000
# Who looks for an order so soon after the answer does not find it later than it came.
_AT_ONCE_SECONDS = 0.1


@dataclass(frozen=True)
class LocalStack:
    """The local stack that a run tests.

    Args:
        engine: name of the engine that emulates AWS
        release: folder of the release that it runs; None if it runs the working tree
    """

    engine: str
    release: str | None


# A conftest that tests a local stack sets this; without it the records name no engine and no release.
LOCAL_STACK = pytest.StashKey[LocalStack]()


class Evidence:
    """Takes what tests have measured and seen.

    Args:
        folder: of the stage; None to take nothing.
        worker: name of this process among those that run tests.
    """

    def __init__(self, folder: Path | None, worker: str) -> None:
        self._folder = folder
        self._worker = worker

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file, one of `stages.EXHIBITS`."""
        if self._folder:
            (self._folder / name).write_bytes(content)

    def time(self, load: Load, step: Step, seconds: float) -> None:
        """Note how long an order took to a step."""
        if self._folder:
            with (self._folder / f"times-{self._worker}.jsonl").open("a") as lines:
                lines.write(Time(load=load, step=step, seconds=max(seconds, 0)).json() + "\n")


class Watch:
    """Times orders from the request on, each step once, by this machine's clock.

    Args:
        evidence: gets the times.
        load: that the orders come under.
    """

    def __init__(self, evidence: Evidence, load: Load) -> None:
        self._evidence = evidence
        self._load = load
        self._asked: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        self._missed: set[tuple[str, Step]] = set()
        self._came: set[tuple[str, Step]] = set()

    def accepted(self, key: str, asked: float, seconds: float) -> None:
        """Note that the API has accepted an order, for the first time.

        Args:
            key: that the order is known by: its id or its correlation id.
            asked: when the customer asked, in seconds since the epoch.
            seconds: until the answer.
        """
        if key not in self._asked:
            self._asked[key], self._answered[key] = asked, asked + seconds
            self._evidence.time(self._load, "accepted", seconds)

    def same(self, key: str, other: str) -> None:
        """Note that an order is known by another key too."""
        self._asked.setdefault(other, self._asked[key])
        self._answered.setdefault(other, self._answered[key])

    def looked(self, key: str, step: Step, there: bool, began: float) -> None:
        """Note whether an order has come to a step.

        The time counts if the order was looked for before that, or at once; else it says how busy the test was.

        Args:
            key: of the order.
            step: of its way.
            there: whether it has.
            began: when this look began, in seconds since the epoch.
        """
        if not there:
            self._missed.add((key, step))
        elif (key, step) in self._missed or began - self._answered.get(key, 0) < _AT_ONCE_SECONDS:
            self.came(key, step, time.time())

    def came(self, key: str, step: Step, at: float) -> None:
        """Note when an order came to a step, in seconds since the epoch, if it is an order that was timed."""
        if key in self._asked and (key, step) not in self._came:
            self._came.add((key, step))
            self._evidence.time(self._load, step, at - self._asked[key])


class Reporter:
    """Writes the tests of a run, when it is over.

    Args:
        folder: of the stage.
        config: of pytest.
    """

    def __init__(self, folder: Path, config: pytest.Config) -> None:
        self._folder = folder
        self._config = config
        self._started = datetime.now(UTC)
        self._tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes a phase of a test."""
        found = self._tests.setdefault(report.nodeid, {"outcome": "skipped", "seconds": 0.0, "message": ""})
        found["seconds"] += report.duration
        if report.failed:
            found.update(outcome="failed", message=_message(report))
        elif report.when == "call" and found["outcome"] != "failed":
            found["outcome"] = report.outcome

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Takes a file that could not be read."""
        if report.failed:
            self._tests[report.nodeid] = {"outcome": "failed", "seconds": 0.0, "message": _message(report)}

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Writes the run, and the manifest of the release that was tested."""
        target = self._config.getoption("--target")
        local = self._config.stash.get(LOCAL_STACK, None) if target == "local" else None
        release = _released(target, local)
        commit, changed = manifest.head()
        if release:
            (self._folder / manifest.NAME).write_bytes(release.encode())
        run = Run(
            target=target,
            engine=local.engine if local else None,
            marks=self._config.getoption("markexpr"),
            selection=self._config.getoption("keyword"),
            commit=commit,
            changed=changed,
            release=Sha256(release.digest()) if release else None,
            machine=f"{machines.system()} {machines.machine()}, {os.cpu_count()} cores",
            started_at=self._started,
            seconds=(datetime.now(UTC) - self._started).total_seconds(),
            exit_status=int(exitstatus),
            tests=[
                Tried.parse_obj(described(self._config.rootpath, node) | found) for node, found in self._tests.items()
            ],
        )
        (self._folder / f"run-{self._started:%Y%m%dT%H%M%S.%f}.json").write_text(run.json(indent=1))


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return stages.without_private(crash.message if crash else report.longreprtext)[:_MESSAGE_CHARACTERS]


def _released(target: str, local: LocalStack | None) -> manifest.Manifest | None:
    """The release that a target runs; None if it runs packages built from a working tree."""
    if target == "local":
        return manifest.read(Path(local.release) / manifest.NAME) if local and local.release else None
    place = ENVIRONMENTS[target]  # type: ignore[index]  # the option takes these only
    store = Store(boto3.client("s3", region_name=place.region), place.release_bucket)
    if not store.exists():
        return None
    live = history.live(store, target)  # type: ignore[arg-type]  # as above
    return store.manifest(live.release) if live else None


@cache
def _docstrings(file: Path) -> Mapping[str, str]:
    """The first line of each test's docstring, by its name."""
    tree = ast.parse(file.read_text())
    texts = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name: text.splitlines()[0].removesuffix(".") for name, text in texts.items() if text}


def described(root: Path, node: str) -> dict[str, str]:
    """A test in plain words: its docstring's first line, or its name read as a sentence.

    Args:
        root: that ids begin at.
        node: its id in pytest.
    """
    file, _, rest = node.partition("::")
    name, _, case = rest.partition("[")
    if not name:
        return {"file": file, "sentence": "The file could not be read", "case": ""}
    sentence = _docstrings(root / file).get(name) or name.removeprefix("test_").replace("_", " ").capitalize()
    return {"file": file, "sentence": sentence, "case": case.removesuffix("]")}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --target and --evidence."""
    parser.addoption("--target", choices=TARGETS, default="local", help="environment of the stack to test")
    parser.addoption("--evidence", type=Path, help="folder for the records that the evidence pack is rendered from")


def pytest_configure(config: pytest.Config) -> None:
    """Record the run if --evidence gives a folder; with xdist only the controller does."""
    folder = stage_folder(config)
    if folder and not hasattr(config, "workerinput"):
        folder.mkdir(parents=True, exist_ok=True)
        config.pluginmanager.register(Reporter(folder, config), "evidence")


def stage_folder(config: pytest.Config) -> Path | None:
    """The folder for the records of a run; None without --evidence."""
    base: Path | None = config.getoption("--evidence")
    return base / config.getoption("--target") if base else None


@pytest.fixture(scope="session")
def evidence(pytestconfig: pytest.Config) -> Evidence:
    """Takes what the tests of this process measure and keep."""
    return Evidence(stage_folder(pytestconfig), os.environ.get("PYTEST_XDIST_WORKER", "main"))


@pytest.fixture
def watch(request: pytest.FixtureRequest, evidence: Evidence) -> Watch:
    """Times the orders of a test, unless the test delays them on purpose."""
    mark = request.node.get_closest_marker("load")
    load = mark.args[0] if mark else "alongside other tests"
    return Watch(evidence, load) if load in LOADS else Watch(Evidence(None, ""), "alongside other tests")
