"""Pytest plugin that chooses which tests run first: those that a change may break, then the longest.

A module's tests run together. First come the modules with a test that failed last time, then those that uncommitted
changes affect: a changed test, a test that imports or names what changed, a test that imports it through others. All
others follow by the time that they took last time, so that no worker is left with a long one at the end.

With --quick it leaves out slow tests that no uncommitted change affects.
"""

import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import grimp
import pytest

from tooling.paths import ROOT

# Of pytest's cache, and of what a worker gets.
_TIMES, _LAST_FAILED, _INPUT = "order/seconds", "cache/lastfailed", "order"
_PACKAGES = ("common", "functions", "tooling", "release", "ops", "evidence", "localstack", "labs", "cli", "tests")
_ORDER = pytest.StashKey[list[str]]()
_GIT_SECONDS = 20


def changed_files(folder: Path) -> list[str]:
    """Files of a working tree with changes that are not committed; none outside of git."""
    command = ["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line[3:] for line in done.stdout.split("\0") if line]


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def distances(changed: Iterable[str], tests: Iterable[str]) -> dict[str, int]:
    """How near each affected test file is to a change: 0 if it changed itself, 1 if it imports or names it, else 2."""
    found: dict[str, int] = {}

    def note(test: str, distance: int) -> None:
        found[test] = min(distance, found.get(test, distance))

    known = {_module(test): test for test in tests}
    texts = {test: (ROOT / test).read_text() for test in known.values()}
    graph = grimp.ImportGraph()
    # The tests of the file that is no Python yet report it.
    with suppress(grimp.exceptions.SourceSyntaxError):
        graph = grimp.build_graph(*_PACKAGES, cache_dir=None)
    for path in changed:
        module = _module(path)
        if path in texts:
            note(path, 0)
        elif path.endswith(".py") and module in graph.modules:
            for other in graph.find_modules_that_directly_import(module) & known.keys():
                note(known[other], 1)
            for other in graph.find_downstream_modules(module) & known.keys():
                note(known[other], 2)
        else:
            for test in (test for test, text in texts.items() if PurePath(path).name in text):
                note(test, 1)
    return found


def order(
    tests: Iterable[str], failed: Iterable[str], distance: Mapping[str, int], seconds: Mapping[str, float]
) -> list[str]:
    """Test files in the order in which they are to run."""
    failed = set(failed)

    def key(test: str) -> tuple[bool, int, float]:
        # A test of the engine that never ran may take long.
        unknown = float("inf") if test.startswith("tests/integration/") else 0
        return test not in failed, distance.get(test, 3), -seconds.get(test, unknown)

    return sorted(tests, key=key)


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class _Times:
    """Keeps how long each file takes for the next run: in pytest alone, and in the controller of its workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the time of a part of a test."""
        self._seconds[_file(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Keep the times; those of files that did not run stay."""
        if cache := _cache(self._config):
            rounded = {test: round(seconds, 2) for test, seconds in self._seconds.items()}
            cache.set(_TIMES, cache.get(_TIMES, {}) | rounded)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the order: all workers must agree."""
        node.workerinput[_INPUT] = self._config.stash[_ORDER]


def _cache(config: pytest.Config) -> pytest.Cache | None:
    # -p no:cacheprovider disables it.
    return getattr(config, "cache", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --quick."""
    parser.addoption("--quick", action="store_true", help="leave out slow tests that no uncommitted change affects")


def needless(item: pytest.Item, changed: Iterable[str]) -> bool:
    """Whether a test is slow, and neither its file nor a file below a path that its mark names has changed."""
    mark = item.get_closest_marker("slow")
    if mark is None:
        return False
    needed = (_file(item.nodeid), *mark.args)
    return not any(PurePath(path).is_relative_to(of) for path in changed for of in needed)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the order."""
    if hasattr(config, "workerinput"):
        config.stash[_ORDER] = list(config.workerinput[_INPUT])
        return
    config.pluginmanager.register(_Times(config))
    tests = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("*/test_*.py"))
    changed, cache = changed_files(ROOT), _cache(config)
    failed, seconds = (cache.get(_LAST_FAILED, {}), cache.get(_TIMES, {})) if cache else ({}, {})
    distance = distances(changed, tests) if changed else {}
    config.stash[_ORDER] = order(tests, map(_file, failed), distance, seconds)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests by their file; the order in a file stays."""
    if config.getoption("--quick"):
        changed = changed_files(ROOT)
        left_out = [item for item in items if needless(item, changed)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    chosen = config.stash[_ORDER]
    rank = {test: number for number, test in enumerate(chosen)}
    items.sort(key=lambda item: rank.get(_file(item.nodeid), len(rank)))
