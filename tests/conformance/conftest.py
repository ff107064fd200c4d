"""Options, fixtures, and the results for docs/parity.md."""

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

# Errors that show a difference; any other, such as a NameError, is a mistake in the row.
_DIFFERENCE_ERRORS = (AssertionError, BotoCoreError, ClientError, KeyError, UserError)
_ENGINE = pytest.StashKey[Engine]()
_END = pytest.StashKey[ExitStack]()
_CELLS = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --engine, --target and --check."""
    parser.addoption("--engine", choices=engines.ENGINES, default="embedded", help="engine to try the calls on")
    parser.addoption("--target", choices=["dev"], help="environment whose AWS account to try them on instead")
    parser.addoption("--check", action="store_true", help="fail if docs/parity.md is not what this run found")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `needs`."""
    config.addinivalue_line("markers", "needs(*features): skips a row on an engine that lacks one of the features")
    config.stash[_CELLS] = {}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the engine, and require the version of its known differences."""
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
            f"this is {engine.name} {engine.version}, but tests/conformance/differences.py has {known.version}: "
            "enter the new version there and run again, which shows the changes",
            returncode=1,
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Expect the known differences of the engine to fail, and skip rows that need missing features."""
    engine = config.stash.get(_ENGINE, None)
    if engine is None:
        return
    known = DIFFERENCES.get(engine.name)
    for item in items:
        row = parity.row_of(item.nodeid)
        needed = [what for mark in item.iter_markers("needs") for what in mark.args]
        missing = [what for what in needed if what in engine.missing]
        if "tokens" in needed and engine.issuer is None and "Cognito" in engine.missing:
            missing.append("Cognito")
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"missing: {missing[0]}, because {engine.missing[missing[0]]}"))
        elif known and row in known.rows:
            item.add_marker(pytest.mark.xfail(reason=known.rows[row], raises=_DIFFERENCE_ERRORS, strict=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Record the result of a row."""
    report = yield
    if hasattr(report, "wasxfail") and report.skipped:
        item.config.stash[_CELLS][parity.row_of(item.nodeid)] = parity.DIFFERS
    elif report.skipped:
        item.config.stash[_CELLS][parity.row_of(item.nodeid)] = parity.MISSING
    elif report.when == "call" and report.passed:
        item.config.stash[_CELLS][parity.row_of(item.nodeid)] = parity.SAME
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Stop the engine; write the results of a complete run without failures to docs/parity.md."""
    end = session.config.stash.get(_END, None)
    if end is None:
        return
    end.close()
    engine = session.config.stash.get(_ENGINE, None)
    cells = session.config.stash[_CELLS]
    if engine is None or exitstatus or {name.partition("[")[0] for name in cells} != {row.id for row in parity.rows()}:
        return
    changed = parity.record(engine, cells, write=not session.config.option.check)
    if changed and session.config.option.check:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(
            f"docs/parity.md differs from this run: run `make conformance ENGINE={engine.name}` and commit it",
            red=True,
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the number of rows by result."""
    cells = list(config.stash[_CELLS].values())
    engine = config.stash.get(_ENGINE, None)
    if engine and cells:
        terminalreporter.write_line(
            f"{engine.name} {engine.version}: {cells.count(parity.SAME)} as AWS, "
            f"{cells.count(parity.DIFFERS)} known differences, {cells.count(parity.MISSING)} missing"
        )


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Engine:
    """The running engine."""
    return pytestconfig.stash[_ENGINE]


@pytest.fixture(scope="session")
def aws(engine: Engine) -> Clients:
    """Clients with all permissions."""
    return Clients(engine)


@pytest.fixture
def make(engine: Engine, aws: Clients) -> Iterator[Resources]:
    """Creates the resources of a row."""
    with ExitStack() as end:
        yield Resources(engine, aws, end)


@pytest.fixture(scope="session")
def table(engine: Engine, aws: Clients) -> Iterator[str]:
    """Name of a table like the orders table; each row uses its own partitions."""
    with ExitStack() as end:
        yield Resources(engine, aws, end).table()
