"""Fixtures of the end-to-end tests, and the choice of tests that a target allows."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

import tests.support.home  # noqa: F401
from e2e.tenant import Tenant
from localstack import engines, targets
from localstack import stack as stacks
from localstack.targets import Platform
from tests.support import browser as chromium
from tests.support import doc_images, evidence_plugin, failures
from tests.support.cart_check import check_cart_service
from tests.support.evidence_plugin import LOCAL_STACK, LocalStack, OrderTimer
from tooling.cli import UserError


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugins that record runs, write the documents' pictures, and name failed tests at once."""
    pluginmanager.register(evidence_plugin)
    pluginmanager.register(doc_images)
    pluginmanager.register(failures)


def pytest_configure(config: pytest.Config) -> None:
    """Tell the records which engine and release the local stack runs."""
    stack = stacks.load()
    config.stash[LOCAL_STACK] = LocalStack(stack.engine, stack.release)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what a target does not allow, and skip what its engine lacks.

    In AWS nothing runs that needs the local stack, in production nothing that writes.
    """
    target = config.getoption("--target")
    allowed = [item for item in items if _allowed(item, target)]
    config.hook.pytest_deselected(items=[item for item in items if item not in allowed])
    items[:] = allowed
    lacks = engines.lacks(stacks.load().engine)
    for item in items:
        for feature in (name for mark in item.iter_markers("needs") for name in mark.args if name in lacks):
            item.add_marker(pytest.mark.skip(reason=f"{lacks[feature]} ({feature})"))


def _allowed(item: pytest.Item, target: str) -> bool:
    if target in ("prod", "failover"):
        return item.get_closest_marker("read_only") is not None
    return target == "local" or not (item.get_closest_marker("sidecars") or item.get_closest_marker("needs"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded with record_property."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def platform(pytestconfig: pytest.Config) -> Platform:
    """The stack under test."""
    return targets.chosen(pytestconfig.getoption("--target"))


@pytest.fixture(scope="session")
def cart_service(platform: Platform) -> None:
    """A Cart service that has what the tests need; checked first, because a missing campaign fails many tests."""
    if not platform.cart_url:
        raise UserError("E2E_CART_URL is not set: the URL of a Cart service in which tests may create carts")
    check_cart_service(platform.cart_url)


@pytest.fixture
def make_tenant(platform: Platform, timer: OrderTimer, cart_service: None) -> Iterator[Callable[..., Tenant]]:
    """Makes tenants with one user each; the users are deleted after the test."""
    made: list[Tenant] = []

    def make(group: str | None = None) -> Tenant:
        made.append(Tenant(platform, timer, group))
        return made[-1]

    yield make
    for tenant in made:
        tenant.remove()


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    """A new tenant."""
    return make_tenant()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, one process for all tests of a worker, which opens contexts of their own."""
    with chromium.launch() as browser:
        yield browser
