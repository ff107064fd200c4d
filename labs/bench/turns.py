"""Two figures taken in turn, so that what disturbs one disturbs the other."""

from collections.abc import Callable


def in_turn[T](ours: Callable[[], T], floor: Callable[[], T], times: int, warm: int = 1) -> tuple[list[T], list[T]]:
    """The figures of each side, after a warm-up of each that does not count.

    Args:
        ours: takes a figure of ours.
        floor: takes one of the floor.
        times: how many of each count.
        warm: how many of each before do not.
    """
    for _ in range(warm):
        ours()
        floor()
    figures: tuple[list[T], list[T]] = ([], [])
    for turn in range(times):
        # Neither side is always the second, which finds the caches as the first has left them.
        sides = ((figures[0], ours), (figures[1], floor))
        for taken, take in sides if turn % 2 else reversed(sides):
            taken.append(take())
    return figures
