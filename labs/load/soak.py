"""Holds one rate for many minutes: neither the memory of a process nor the response times may grow meanwhile."""

import json
import statistics
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from rich.markdown import Markdown

from labs.bench.report import machine, page
from labs.load import steps
from labs.load.run import CUSTOMERS, customers, platform_of, responses, result_folder
from labs.load.steps import KINDS, Response
from labs.processes import memory
from localstack import engines
from localstack.stack import Stack, StackError
from localstack.up import console, step

# Of the median in the last quarter to that in the first, without the first minute.
GROWTH: Final = 0.05
_SAMPLE_SECONDS = 5
_FEWEST_MINUTES, _MOST_MINUTES = 3, 50
_MIB = 2**20


class Series(NamedTuple):
    """A figure of each minute after the first, with its unit."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The medians of the first and of the last quarter."""
        quarter = max(1, len(self.values) // 4)
        return statistics.median(self.values[:quarter]), statistics.median(self.values[-quarter:])

    @property
    def growth(self) -> float:
        """How much larger the last quarter is than the first, as a share."""
        first, last = self.ends
        return last / first - 1


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


@contextmanager
def sampled(stack: Stack) -> Iterator[list[dict[str, int]]]:
    """Take the bytes of memory of each process of a stack every five seconds until the end of the context."""
    samples: list[dict[str, int]] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            samples.append(memory(stack))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def of_processes(samples: Sequence[dict[str, int]], settle: float) -> list[Series]:
    """The memory of each process that ran the whole time, in each minute after the first."""
    a_minute = 60 // _SAMPLE_SECONDS
    counted = samples[int(settle // _SAMPLE_SECONDS) + a_minute :]
    minutes = [counted[n : n + a_minute] for n in range(0, len(counted) - a_minute + 1, a_minute)]
    names = set.intersection(*(set(each) for each in counted)) if minutes else set()
    return [
        Series(name, "MiB", tuple(statistics.median(each[name] for each in minute) / _MIB for minute in minutes))
        for name in sorted(names)
    ]


def markdown(series: Sequence[Series], title: str) -> str:
    """The series as a Markdown table."""
    rows = []
    for each in series:
        first, last = each.ends
        verdict = "grows" if each.growth > GROWTH else "flat"
        rows.append((each.name, f"{first:.1f} {each.unit}", f"{last:.1f} {each.unit}", f"{each.growth:+.1%}", verdict))
    return page(title, ("what", "first quarter", "last quarter", "growth", ""), rows, [])


def run(minutes: int, rate: float) -> int:
    """Load the local stack at a rate for minutes, and write a table; returns 1 if memory or response times grow."""
    if not _FEWEST_MINUTES <= minutes <= _MOST_MINUTES:
        raise StackError(f"choose {_FEWEST_MINUTES} to {_MOST_MINUTES} minutes: the customers' tokens last an hour")
    stack, platform, folder = engines.require(), platform_of("local"), result_folder("soak")
    settle = steps.SETTLE_SECONDS + steps.WARM_SECONDS
    with customers(platform, CUSTOMERS) as found, sampled(stack) as samples:
        plan = {"api_url": platform.api_url, "customers": found, "settle": settle}
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
