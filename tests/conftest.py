"""Sets the environment before any test imports a function."""

from functools import cache

import botocore.session
import pytest
from hypothesis import settings

from tests.support import coverage  # isort: skip  # Sees the service's code only if it is imported later.
import tests.support.environment
import tests.support.home  # noqa: F401
from tests.support import doc_images, failures, first

# The time of an example depends on how busy the machine is, so there is no deadline.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Each session of boto3 would read the models of its services again, which takes longer than most calls of an engine.
botocore.session.create_loader = cache(botocore.session.create_loader)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugins that write the documents' pictures, name failed tests at once, and choose what runs first."""
    pluginmanager.register(doc_images)
    pluginmanager.register(failures)
    pluginmanager.register(first)


def pytest_sessionfinish() -> None:
    """Write what this process ran of the service's code."""
    coverage.write()
