import json
from pathlib import Path

import pytest

from labs.bench import plots, report
from labs.bench.rows import Row, Unit, shown

FAST = Row("init", "init of get_order", "s", (0.11, 0.12, 0.10), "the same clients", (0.10, 0.10, 0.10), 1.25)
SLOW = Row(
    "burst", "orders a second", "1/s", (2.0, 1.0, 3.0), "empty functions", (10.0, 10.0, 10.0), 0.5, at_least=True
)
ALONE = Row("packages", "get_order, zipped", "bytes", (1_300_000,), limit=3_000_000)
COUNTED = Row("numbers", "numbers a second", "1/s", (40.0,), note="conflicts were retried 12 times")


def test_what_is_judged_is_the_ratio_of_each_round() -> None:
    assert FAST.judged == pytest.approx((1.1, 1.2, 1.0))
    assert FAST.median == pytest.approx(1.1)


def test_what_stands_alone_is_judged_itself() -> None:
    assert ALONE.judged == (1_300_000,)


@pytest.mark.parametrize(("row", "kept"), [(FAST, True), (SLOW, False), (ALONE, True), (COUNTED, None)])
def test_a_limit_is_kept_missed_or_not_there(row: Row, kept: bool | None) -> None:
    assert row.kept is kept


def test_a_ratio_to_be_reached_is_kept_at_the_limit_and_above() -> None:
    assert SLOW._replace(ours=(5.0, 5.0, 5.0)).kept is True
    assert FAST._replace(ours=(0.2, 0.2, 0.2)).kept is False


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(1.5, "s", "1.5 s"), (0.0123, "s", "12.3 ms"), (0.000045, "s", "45 µs"), (1_300_000, "bytes", "1.3 MB"),
     (2, "calls", "2 calls"), (12.5, "USD", "USD 12.50")],
)  # fmt: skip
def test_a_figure_is_shown_in_the_unit_that_suits_it(value: float, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


def test_the_table_says_ratio_spread_and_verdict() -> None:
    text = report.markdown([FAST, SLOW, COUNTED])
    assert "| 1.10 (1.00 to 1.20) | at most 1.25 × | kept |" in text
    assert "| 0.20 (0.10 to 0.30) | at least 0.5 × | missed |" in text
    assert text.endswith("- numbers a second: conflicts were retried 12 times\n")


def test_the_plot_shows_each_row_that_has_a_limit_to_its_floor() -> None:
    svg = plots.ratios([FAST, SLOW, ALONE])
    assert "init of get_order" in svg
    assert "orders a second" in svg
    assert "zipped" not in svg


def test_a_ratio_far_beyond_the_limit_is_told_at_the_edge() -> None:
    assert "to 9.0" in plots.ratios([FAST._replace(ours=(0.9, 0.1, 0.1))])


def test_what_was_measured_is_written_whole(tmp_path: Path) -> None:
    report.write([FAST, COUNTED], tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["rows"][0]["ours"] == list(FAST.ours)
    assert (tmp_path / "table.md").read_text().startswith("Measured 2")
    assert (tmp_path / "ratios.svg").exists()


def test_a_bench_without_ratios_has_no_plot(tmp_path: Path) -> None:
    report.write([COUNTED], tmp_path)
    assert not (tmp_path / "ratios.svg").exists()
