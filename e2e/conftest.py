"""Options, markers and fixtures of the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.tenant import Tenant
from evidence import collect
from evidence.collect import OrderTimer, Recorder
from localstack import stack as stacks
from localstack import targets as platforms
from localstack.targets import Platform
from tooling.agreed_limits import LOADS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --target and --evidence."""
    parser.addoption("--target", choices=platforms.TARGETS, default="local", help="environment of the stack to test")
    parser.addoption("--evidence", type=Path, help="folder for the records that the evidence pack shows")


def pytest_configure(config: pytest.Config) -> None:
    """Records results, times and exhibits for the evidence pack."""
    stack = stacks.load() if config.getoption("--target") == "local" else None
    release_dir = Path(stack.release) if stack and stack.release else None
    collect.register(config, stack.engine if stack else None, release_dir)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what a target does not allow: in AWS what needs the local sidecars, in prod all that writes."""
    target = config.getoption("--target")
    allowed = [item for item in items if _allowed(item, target)]
    config.hook.pytest_deselected(items=[item for item in items if item not in allowed])
    items[:] = allowed


def _allowed(item: pytest.Item, target: str) -> bool:
    if target in ("prod", "failover"):
        return item.get_closest_marker("read_only") is not None
    if item.get_closest_marker("embedded") and (target != "local" or stacks.load().engine != "embedded"):
        return False
    return target == "local" or item.get_closest_marker("sidecars") is None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells what tests counted, with record_property."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def platform(pytestconfig: pytest.Config) -> Platform:
    """The stack that is tested."""
    return platforms.chosen(pytestconfig.getoption("--target"))


@pytest.fixture(scope="session")
def evidence(pytestconfig: pytest.Config) -> Recorder:
    """Saves exhibits and times for the evidence pack."""
    return collect.recorder(pytestconfig)


@pytest.fixture
def timer(request: pytest.FixtureRequest, evidence: Recorder) -> OrderTimer:
    """Times the orders of a test, unless the test delays them on purpose."""
    mark = request.node.get_closest_marker("load")
    load = mark.args[0] if mark else "alongside other tests"
    return OrderTimer(evidence, load) if load in LOADS else OrderTimer(Recorder(None, ""), "alongside other tests")


@pytest.fixture
def make_tenant(platform: Platform, timer: OrderTimer) -> Iterator[Callable[..., Tenant]]:
    """Makes tenants, each with one user; the users are removed after the test."""
    made: list[Tenant] = []

    def make(group: str | None = None) -> Tenant:
        made.append(Tenant(platform, timer, group))
        return made[-1]

    yield make
    for tenant in made:
        tenant.remove()


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    """A tenant of the test's own."""
    return make_tenant()
