"""Replaces functions of MiniStack."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

type Function = Callable[..., Any]


class Patches:
    """The patches of one AWS service, in the order in which they are applied."""

    def __init__(self) -> None:
        self._patches: list[Callable[[], None]] = []

    def replaces[F: Function](self, owner: Any, name: str) -> Callable[[F], F]:
        """Decorate a function that replaces one of MiniStack's and receives it as its first argument.

        Args:
            owner: Module or class that has the function.
            name: Name of the function in it.
        """

        def decorate(replacement: F) -> F:
            def patch() -> None:
                original = getattr(owner, name)

                @wraps(replacement)
                def patched(*arguments: Any, **named: Any) -> Any:
                    return replacement(original, *arguments, **named)

                if inspect.iscoroutinefunction(replacement):
                    # The ASGI server recognises applications by this.
                    inspect.markcoroutinefunction(patched)
                setattr(owner, name, patched)

            self._patches.append(patch)
            return replacement

        return decorate

    def changes(self, patch: Callable[[], None]) -> Callable[[], None]:
        """Decorate a function that changes MiniStack in another way than replacing one function."""
        self._patches.append(patch)
        return patch

    def apply(self) -> None:
        """Apply every patch."""
        for patch in self._patches:
            patch()
