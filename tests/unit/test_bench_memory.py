"""The size of a function: what was measured of it, and what the model says of each size."""

from labs.bench import memory
from labs.bench.memory import Sized

SIZED = Sized(memory_mb=512, peaks=(200 * 2**20, 210 * 2**20), init=1.0, cpu=0.2, waiting=0.05, longest=3.0)


def test_a_size_leaves_half_of_the_highest_peak_free() -> None:
    assert SIZED.least_mb == 315


def test_a_call_of_the_longest_order_is_modelled_too() -> None:
    assert SIZED.seconds(1_769) == 0.25
    assert SIZED.longest_seconds(1_769) == 3.05


def test_a_size_that_is_too_small_has_no_price() -> None:
    line = memory.table({"order_pdf_creator": SIZED}).splitlines()[2]
    assert line.startswith("| order_pdf_creator | 512 MB | 315 MB | 1.00 s | 0.200 s | 3.00 s | too small |")
    assert line.count("too small") == 1
