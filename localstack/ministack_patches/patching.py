"""Replaces functions of MiniStack."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

type Function = Callable[..., Any]

# In the order in which they are applied.
_patches: list[Callable[[], None]] = []


def changes(patch: Callable[[], None]) -> Callable[[], None]:
    """Decorate a function that changes MiniStack other than by replacing one function."""
    _patches.append(patch)
    return patch


def replaces[F: Function](owner: Any, name: str) -> Callable[[F], F]:
    """Decorate a function that replaces one of a module or class, and receives the original as its first argument."""

    def decorate(replacement: F) -> F:
        @changes
        def patch() -> None:
            original = getattr(owner, name)

            @wraps(replacement)
            def patched(*arguments: Any, **named: Any) -> Any:
                return replacement(original, *arguments, **named)

            if inspect.iscoroutinefunction(replacement):
                # The ASGI server recognises applications by this.
                inspect.markcoroutinefunction(patched)
            setattr(owner, name, patched)

        return replacement

    return decorate


def apply() -> None:
    """Apply every patch of the modules that are imported."""
    for patch in _patches:
        patch()
