"""Sets the environment before any test imports a function."""

import pytest
from hypothesis import settings

import tests.support.environment  # noqa: F401
from tests.support import doc_images

# The time of an example depends on how busy the machine is, so there is no deadline.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugin that writes the documents' pictures; it adds --accept-pictures."""
    pluginmanager.register(doc_images)
