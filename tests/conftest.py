"""Sets the environment before any test imports a function."""

import tests.environment  # noqa: F401
