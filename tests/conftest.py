"""Sets the environment before any test imports a function."""

from hypothesis import settings

import tests.support.environment  # noqa: F401

# How long an example takes says how busy the machine is.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
