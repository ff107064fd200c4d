"""Options and fixtures of the conformance suite; stores each result for docs/parity.md."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from localstack.stack import StackError
from tests.conformance import engines, parity
from tests.conformance.differences import DIFFERENCES
from tests.conformance.engines import Clients, Engine
from tests.conformance.resources import Resources
from tooling.cli import UserError

# Errors that a difference can raise; a mistake in a test, such as a NameError, is not a difference.
_DIFFERENCE_ERRORS = (AssertionError, BotoCoreError, ClientError, KeyError, UserError)
_ENGINE = pytest.StashKey[Engine]()
_END = pytest.StashKey[ExitStack]()
_CELLS = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --engine, --target and --check."""
    parser.addoption("--engine", choices=engines.ENGINES, default="embedded", help="engine to test")
    parser.addoption("--target", choices=["dev"], help="environment whose AWS account to test instead")
    parser.addoption("--check", action="store_true", help="fail if docs/parity.md differs from this run")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "needs(*what): skips a row on an engine that lacks one of these")
    config.stash[_CELLS] = {}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the engine; its version decides which differences are expected."""
    options = session.config.option
    if options.collectonly:
        return
    end = session.config.stash[_END] = ExitStack()
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    end.callback(shutil.rmtree, folder, ignore_errors=True)
    running = engines.dev() if options.target else engines.ENGINES[options.engine](folder)
    try:
        engine = session.config.stash[_ENGINE] = end.enter_context(running)
    except StackError as error:
        pytest.exit(str(error), returncode=1)
    known = DIFFERENCES.get(engine.name)
    if known and known.version != engine.version:
        pytest.exit(
            f"this is {engine.name} {engine.version}, but tests/conformance/differences.py describes {known.version}: "
            "put the new version there, and run again to see what has changed",
            returncode=1,
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Expect the known differences of the engine, and skip what it lacks."""
    engine = config.stash.get(_ENGINE, None)
    if engine is None:
        return
    known = DIFFERENCES.get(engine.name)
    for item in items:
        row = parity.row_of(item.nodeid)
        needed = [what for mark in item.iter_markers("needs") for what in mark.args]
        if engine.only not in (None, row.partition("/")[0]):
            item.add_marker(pytest.mark.skip(reason=f"missing: it has {engine.only} only"))
            continue
        lacking = [what for what in needed if what in engine.lacks]
        if "tokens" in needed and engine.issuer is None and "Cognito" in engine.lacks:
            lacking.append("Cognito")
        if lacking:
            item.add_marker(pytest.mark.skip(reason=f"missing: {lacking[0]}, because {engine.lacks[lacking[0]]}"))
        elif known and row in known.rows:
            item.add_marker(pytest.mark.xfail(reason=known.rows[row], raises=_DIFFERENCE_ERRORS, strict=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Store the result of a row."""
    report = yield
    if hasattr(report, "wasxfail") and report.skipped:
        item.config.stash[_CELLS][parity.row_of(item.nodeid)] = parity.DIFFERS
    elif report.skipped:
        item.config.stash[_CELLS][parity.row_of(item.nodeid)] = parity.LACKS
    elif report.when == "call" and report.passed:
        item.config.stash[_CELLS][parity.row_of(item.nodeid)] = parity.SAME
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Stop the engine; a complete run without a failure is written to docs/parity.md."""
    end = session.config.stash.get(_END, None)
    if end is None:
        return
    end.close()
    engine = session.config.stash.get(_ENGINE, None)
    cells = session.config.stash[_CELLS]
    if engine is None or exitstatus or {name.partition("[")[0] for name in cells} != {row.id for row in parity.rows()}:
        return
    changed = parity.note(engine, cells, write=not session.config.option.check)
    if changed and session.config.option.check:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(
            f"docs/parity.md differs from this run: run `make conformance ENGINE={engine.name}`, and commit it",
            red=True,
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how many rows behave as AWS documents."""
    cells = list(parity.by_row(config.stash[_CELLS]).values())
    engine = config.stash.get(_ENGINE, None)
    if engine and cells:
        terminalreporter.write_line(
            f"{engine.name} {engine.version}: {cells.count(parity.SAME)} as AWS, "
            f"{cells.count(parity.DIFFERS)} known differences, {cells.count(parity.LACKS)} missing"
        )


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Engine:
    """The engine under test."""
    return pytestconfig.stash[_ENGINE]


@pytest.fixture(scope="session")
def aws(engine: Engine) -> Clients:
    """Clients with all permissions."""
    return Clients(engine)


@pytest.fixture
def make(engine: Engine, aws: Clients) -> Iterator[Resources]:
    """Makes what one row needs."""
    with ExitStack() as end:
        yield Resources(engine, aws, end)


@pytest.fixture(scope="session")
def table(engine: Engine, aws: Clients) -> Iterator[str]:
    """The name of a table like the orders table; each row has its own partitions."""
    with ExitStack() as end:
        yield Resources(engine, aws, end).table()
