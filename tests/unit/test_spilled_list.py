"""The list of the embedded engine that is on disk but for its end."""

import copy
from bisect import bisect_left
from typing import Any

import pytest

from localstack.ministack_patches.spilled import CHUNK, SpilledList


def filled(count: int) -> SpilledList:
    """A list of numbers, added a few at a time."""
    values = SpilledList()
    for first in range(0, count, 7):
        values.extend(range(first, min(first + 7, count)))
    return values


@pytest.mark.parametrize("count", [0, 1, 2 * CHUNK - 1, 2 * CHUNK, 5 * CHUNK + 3])
def test_spilled_list_reads_as_a_list(count: int) -> None:
    """Length, order, positions and slices are those of a list, whatever is on disk."""
    values, expected = filled(count), list(range(count))
    assert len(values) == count
    assert list(values) == expected
    assert values[count // 3 : count // 2] == expected[count // 3 : count // 2]
    assert [values[number] for number in range(-count, count)] == [expected[n] for n in range(-count, count)]
    for wrong in (count, -count - 1):
        with pytest.raises(IndexError):
            values[wrong]
    assert bisect_left(values, count // 2) == count // 2


def test_spilled_list_keeps_only_its_end_in_memory() -> None:
    """At most two chunks are in memory."""
    assert len(filled(50 * CHUNK).end) < 2 * CHUNK


def test_spilled_list_replaces_its_end() -> None:
    """What is on disk stays; the end may grow by it."""
    values = filled(3 * CHUNK)
    end = values.end
    values.replace_end(number * 10 for number in [*end, *range(2 * CHUNK)])
    assert list(values)[: -len(end) - 2 * CHUNK] == list(range(3 * CHUNK - len(end)))
    assert list(values)[-2 * CHUNK :] == [number * 10 for number in range(2 * CHUNK)]


def test_copy_is_an_ordinary_list() -> None:
    """MiniStack saves its state as JSON of a copy."""
    found: Any = copy.deepcopy({"events": filled(3 * CHUNK)})
    assert type(found["events"]) is list
    assert found == {"events": list(range(3 * CHUNK))}


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5, 5 * CHUNK])
def test_spilled_list_forgets_its_begin(count: int) -> None:
    """Values at the begin are deleted one after another or together; others cannot be."""
    values, expected = filled(5 * CHUNK), list(range(5 * CHUNK))
    for first in (count // 2, count - count // 2):
        del values[:first]
        del expected[:first]
    assert list(values) == expected
    assert [values[number] for number in range(-len(expected), len(expected))] == expected * 2
    values.extend(range(3 * CHUNK))
    assert list(values) == [*expected, *range(3 * CHUNK)]
    with pytest.raises(ValueError, match="at the begin"):
        del values[1:]
