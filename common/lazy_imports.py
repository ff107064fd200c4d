"""Loads libraries' modules only when they are used."""

import importlib.util
import sys


def load_on_first_use(*names: str) -> None:
    """Make modules that Python loads when one of their attributes is read (importlib.util.LazyLoader).

    Each is a module of a package, and imported by others as `from package import module`. Modules that are loaded
    already stay as they are.
    """
    for name in names:
        spec = importlib.util.find_spec(name)
        if name in sys.modules or spec is None or spec.loader is None:
            continue
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        package, _, own_name = name.rpartition(".")
        setattr(sys.modules[package], own_name, module)
