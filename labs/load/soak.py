"""Holds one rate for many minutes: neither the memory of a process nor the response times may grow meanwhile."""

import json
import statistics
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, NamedTuple

from rich.markdown import Markdown

from labs.bench.report import machine, page
from labs.load import steps
from labs.load.run import CUSTOMERS, customers, platform_of, responses, result_folder
from labs.load.steps import KINDS, Response
from labs.processes import memory
from localstack import engines
from localstack.engines.ministack import MiniStack, harness
from localstack.stack import Stack, StackError
from localstack.up import console, step

# Of the median in the last quarter to that in the first, without the first minute.
GROWTH: Final = 0.05
_SAMPLE_SECONDS = 5
_SAMPLES_A_MINUTE = 60 // _SAMPLE_SECONDS
_FEWEST_MINUTES, _MOST_MINUTES = 3, 50
_MIB = 2**20


class Series(NamedTuple):
    """A figure of each minute after the first, with its unit.

    `stored` is how much of it stored data take: items of tables and objects, of which a customer's orders make more.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    stored: tuple[float, ...] = ()

    @property
    def ends(self) -> tuple[float, float]:
        """The medians of the first and of the last quarter."""
        return _ends(self.values)

    @property
    def data(self) -> float:
        """How much more of it stored data take in the last quarter than in the first."""
        first, last = _ends(self.stored) if self.stored else (0.0, 0.0)
        return last - first

    @property
    def growth(self) -> float:
        """How much larger the last quarter is than the first, less stored data, as a share."""
        first, last = self.ends
        return (last - self.data) / first - 1


def _ends(values: Sequence[float]) -> tuple[float, float]:
    quarter = max(1, len(values) // 4)
    return statistics.median(values[:quarter]), statistics.median(values[-quarter:])


def by_minute(found: Sequence[Response]) -> list[Series]:
    """The median seconds of each kind of request in each minute after the first."""
    taken: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for response in found:
        taken[response.kind][int(response.at // 60)].append(response.seconds)
    return [
        Series(f"{kind}, p50", "ms", tuple(1_000 * statistics.median(taken[kind][m]) for m in sorted(taken[kind]) if m))
        for kind in KINDS
        if len(taken[kind]) > 1
    ]


class Sample(NamedTuple):
    """Bytes of memory of each process, and how many of the engine's stored data take; None if it was not measured."""

    memory: dict[str, int]
    stored: int | None


@contextmanager
def sampled(stack: Stack) -> Iterator[list[Sample]]:
    """Sample the memory of each process of a stack every five seconds, and stored data each minute, until the end.

    An error of the sampling is raised at the end.
    """
    samples: list[Sample] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            # The embedded engine keeps items in memory; another one has processes of its own for them.
            stored = None
            if stack.engine == MiniStack.name and len(samples) % _SAMPLES_A_MINUTE == 0:
                stored = sum(harness(stack, "stored", method="GET").values())
            samples.append(Sample(memory(stack), stored))

    with ThreadPoolExecutor(max_workers=1) as pool:
        sampling = pool.submit(sample)
        try:
            yield samples
        finally:
            ended.set()
    sampling.result()


def of_processes(samples: Sequence[Sample], settle: float) -> list[Series]:
    """The memory of each process that ran the whole time, in each minute after the first."""
    counted = samples[int(settle // _SAMPLE_SECONDS) + _SAMPLES_A_MINUTE :]
    starts = range(0, len(counted) - _SAMPLES_A_MINUTE + 1, _SAMPLES_A_MINUTE)
    minutes = [counted[n : n + _SAMPLES_A_MINUTE] for n in starts]
    names = set.intersection(*(set(each.memory) for each in counted)) if minutes else set()
    stored = tuple(each.stored / _MIB for minute in minutes for each in minute if each.stored is not None)
    return [
        Series(
            name,
            "MiB",
            tuple(statistics.median(each.memory[name] for each in minute) / _MIB for minute in minutes),
            stored if name == "engine" else (),
        )
        for name in sorted(names)
    ]


def markdown(series: Sequence[Series], title: str) -> str:
    """The series as a Markdown table."""
    rows = []
    for each in series:
        first, last = each.ends
        verdict = "grows" if each.growth > GROWTH else "flat"
        data = f"{each.data:+.1f} {each.unit}" if each.stored else ""
        ends = (f"{first:.1f} {each.unit}", f"{last:.1f} {each.unit}")
        rows.append((each.name, *ends, data, f"{each.growth:+.1%}", verdict))
    headings = ("what", "first quarter", "last quarter", "of it stored data", "growth without them", "")
    return page(title, headings, rows, [])


def run(minutes: int, rate: float) -> int:
    """Load the local stack at a rate for minutes, and write a table; returns 1 if memory or response times grow."""
    if not _FEWEST_MINUTES <= minutes <= _MOST_MINUTES:
        raise StackError(f"choose {_FEWEST_MINUTES} to {_MOST_MINUTES} minutes: the customers' tokens last an hour")
    stack, platform, folder = engines.require(), platform_of("local"), result_folder("soak")
    settle = steps.SETTLE_SECONDS + steps.WARM_SECONDS
    with customers(platform, CUSTOMERS) as found, sampled(stack) as samples:
        plan = {"api_url": platform.api_url, "paths": steps.PATHS, "customers": found, "settle": settle}
        with step(f"{rate:g} requests a second for {minutes} minutes"):
            _, received = responses(plan, rate, 60 * minutes, folder / "locust.log")
    series = [*of_processes(samples, settle), *by_minute(received)]
    failed = sum(bool(response.error) for response in received)
    title = (
        f"{minutes} minutes at {rate:g} requests a second, {failed} errors of {len(received)} responses: {machine()}"
    )
    text = markdown(series, title)
    (folder / "table.md").write_text(text)
    (folder / "series.json").write_text(json.dumps([each._asdict() for each in series], indent=1) + "\n")
    console.print(Markdown(text))
    return int(failed > 0 or any(each.growth > GROWTH for each in series))
