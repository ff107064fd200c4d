"""The soak test: what it concludes from its samples, and what it refuses to do."""

import threading
from pathlib import Path

import pytest

from labs.load import soak
from labs.load.soak import Sample, Series
from labs.load.steps import Response
from localstack.stack import Stack, StackError

MIB = 2**20


def samples(minutes: int, first: int, each_minute: int = 0, stored: int = 0) -> list[Sample]:
    """Twelve samples a minute of one process, whose memory and stored data grow by so many MiB in each."""
    return [
        Sample({"engine": (first + each_minute * (n // 12)) * MIB}, None if n % 12 else stored * (n // 12) * MIB)
        for n in range(12 * minutes)
    ]


def test_growth_compares_the_last_quarter_with_the_first() -> None:
    """Single minutes do not decide: the medians of the quarters do."""
    series = Series("engine", "MiB", (100, 100, 500, 100, 100, 100, 104, 106))
    assert series.ends == (100, 105)
    assert series.growth == pytest.approx(0.05)


def test_first_minute_does_not_count() -> None:
    """A process may grow until the responses have counted for a minute."""
    growing = [Sample({"engine": 50 * MIB}, None)] * 15 + samples(4, first=100)
    (engine,) = soak.of_processes(growing, settle=15)
    assert engine.values == (100, 100, 100, 100)


def test_growing_process_is_found() -> None:
    """A process that grows by a few MiB a minute grows."""
    (engine,) = soak.of_processes(samples(9, first=100, each_minute=2), settle=0)
    assert engine.values[0] == 102
    assert engine.growth > soak.GROWTH
    assert "grows" in soak.markdown([engine], "20 minutes")


def test_stored_data_are_no_growth() -> None:
    """Orders that the engine keeps for the customers are shown, and not counted."""
    (engine,) = soak.of_processes(samples(9, first=100, each_minute=2, stored=2), settle=0)
    assert engine.growth == pytest.approx(0)
    assert "| engine | 103.0 MiB | 115.0 MiB | +12.0 MiB | +0.0% | flat |" in soak.markdown([engine], "20 minutes")
    (engine,) = soak.of_processes(samples(9, first=100, each_minute=2, stored=1), settle=0)
    assert engine.growth > soak.GROWTH


def test_process_that_did_not_run_all_the_time_is_left_out() -> None:
    """The memory of a process that started later says nothing about growth."""
    found = [Sample({"engine": MIB, **({"late": MIB} if n > 40 else {})}, None) for n in range(60)]
    assert [each.name for each in soak.of_processes(found, settle=0)] == ["engine"]


def test_response_times_are_compared_by_minute() -> None:
    """Each kind of request has its median of each minute after the first."""
    found = [Response("POST order", 0.01 * (1 + n // 60), at=n) for n in range(180)]
    (post,) = soak.by_minute(found)
    assert post.name == "POST order, p50"
    assert post.values == pytest.approx((20, 30))


def test_error_of_sampling_fails_the_soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A soak without samples does not pass: nothing would say that memory does not grow."""
    sampled = threading.Event()

    def fail(_: Stack) -> dict[str, int]:
        sampled.set()
        raise StackError("the engine is not running")

    monkeypatch.setattr(soak, "memory", fail)
    monkeypatch.setattr(soak, "_SAMPLE_SECONDS", 0.01)
    with (
        pytest.raises(StackError, match="the engine is not running"),
        soak.sampled(Stack(tmp_path, engine="localstack")),
    ):
        assert sampled.wait(30)


def test_table_says_what_is_flat() -> None:
    """A figure that stays as it is is flat."""
    assert "| engine | 100.0 MiB | 100.0 MiB |  | +0.0% | flat |" in soak.markdown(
        [Series("engine", "MiB", (100.0, 100.0))], "two minutes"
    )


@pytest.mark.parametrize("minutes", [2, 51])
def test_run_refuses_other_durations(minutes: int) -> None:
    """Two minutes show no growth, and tokens last an hour."""
    with pytest.raises(StackError, match="choose 3 to 50 minutes"):
        soak.run(minutes, 5)
