"""A clock that jumps from one event to the next; a process is a generator that gives the seconds it waits."""

import heapq
import itertools
from collections.abc import Generator

type Process[T] = Generator[float, None, T]


class Clock:
    """Runs processes side by side, always in the same order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Process[None]]] = []
        # Of two events at one moment the one that was asked for first comes first.
        self._order = itertools.count()

    def start(self, process: Process[None]) -> None:
        """Let a process begin now."""
        heapq.heappush(self._due, (self.now, next(self._order), process))

    def run(self, until: float) -> None:
        """Let time pass, until a moment in seconds."""
        while self._due and self._due[0][0] <= until:
            self.now, _, process = heapq.heappop(self._due)
            try:
                wait = next(process)
            except StopIteration:
                continue
            heapq.heappush(self._due, (self.now + wait, next(self._order), process))
        self.now = until
