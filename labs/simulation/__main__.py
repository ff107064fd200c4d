"""`python -m labs.simulation`: the tables of docs/scale.md, the same at every run."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from labs.simulation import counter, heat, quotas
from labs.simulation.counter import Numbering
from tooling.agreed_limits import percentile

TODAY = Numbering(writers=5)
_TODAY_MINUTES = 5
_ORDERS_A_SECOND = 1000.0
_WAYS = {
    "today: 5 writers, an order each": TODAY,
    "10 writers, an order each": Numbering(writers=10),
    "50 writers, an order each": Numbering(writers=50),
    "5 writers, 10 orders each": Numbering(writers=5, together=10),
    "1 writer (FIFO), 10 orders": Numbering(writers=1, together=10),
    "2 writers, 25 orders each": Numbering(writers=2, together=25),
    "2 writers, 50 orders each": Numbering(writers=2, together=50),
    "2 writers, 99 orders each": Numbering(writers=2, together=99),
    "2 writers that only number, 25 orders each": Numbering(writers=2, together=25, only=True),
    "2 writers that only number, 99 orders each": Numbering(writers=2, together=99, only=True),
}


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heads), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _share(used: float) -> str:
    if used <= 1:
        return f"{used:.1%}"
    return f"**{used:,.1f} ×**" if used < 10 else f"**{used:,.0f} ×**"


def _partition_heat() -> str:
    moments = (1, 60, 120, 300, 600)
    rows = []
    for shards in (1, 2, 4):
        run = heat.run(_ORDERS_A_SECOND, shards, max(moments))
        rows += [
            (
                str(shards),
                f"{moment.second} s",
                f"{moment.taken:.0f}",
                f"{moment.refused:.0%}",
                f"{moment.waiting:,.0f}",
                str(moment.table),
                str(moment.index),
            )
            for moment in (run[second - 1] for second in moments)
        ]
    heads = ("shards", "after", "orders a second", "throttled", "waiting", "table partitions", "index partitions")
    return _table(heads, rows)


def _list_cost() -> str:
    costs = {shards: heat.list_cost(shards) for shards in (1, 4, 8, 16)}
    rows = ((str(n), str(cost.queries), str(cost.orders), f"{cost.units:g}") for n, cost in costs.items())
    return _table(("shards", "queries for a page of 50", "orders read", "read units"), rows)


def _counter_limits() -> str:
    rows = []
    for name, numbering in _WAYS.items():
        run = counter.saturated(numbering)
        limits = [run.recorded / counter.SATURATED_SECONDS]
        limits += [counter.limit(replace(numbering, pace=pace)) for pace in (0.5, 2.0)]
        tried = run.transactions * numbering.together / run.recorded
        rows.append((name, *(f"{limit:,.0f}" for limit in limits), f"{tried:.1f}", str(run.given_up)))
    return _table(
        (
            "numbering",
            "orders a second",
            "at half the times",
            "at twice the times",
            "tries for a transaction",
            "given up",
        ),
        rows,
    )


def _counter_today() -> str:
    rows = []
    for rate in (1 / 60, 100 / 60, 10.0, 20.0, 40.0, 50.0, 60.0, 80.0):
        run = counter.run(TODAY, rate, _TODAY_MINUTES * 60)
        shown = [f"{percentile(run.waits, share):.2f} s" for share in (0.5, 0.95)] if run.waits else ["", ""]
        rows.append((f"{rate:.3g}", f"{run.arrived:,}", f"{run.recorded:,}", f"{run.waiting:,}", str(run.dead), *shown))
    heads = (
        "orders a second",
        f"arrived in {_TODAY_MINUTES} minutes",
        "recorded",
        "waiting",
        "dead",
        "wait p50",
        "p95",
    )
    return _table(heads, rows)


def _quotas() -> str:
    rows = [
        (
            quota.name,
            f"{quota.limit:,.0f} {quota.unit}",
            *(_share(rate / quota.breaks) for rate in quotas.LOADS.values()),
            f"{quota.breaks:,.3g}" if quota.breaks < 1000 else f"{quota.breaks:,.0f}",
            quota.whose,
        )
        for quota in quotas.quotas(counter.limit(TODAY))
    ]
    heads = ("what", "limit", *(f"used at {name}" for name in quotas.LOADS), "breaks at orders a second", "whose")
    return _table(heads, rows)


def _concurrency() -> str:
    rows = [
        (
            function,
            f"{seconds * 1000:.0f} ms",
            *(f"{rate * quotas.REQUESTS.get(function, 1) * seconds:.2f}" for rate in quotas.LOADS.values()),
        )
        for function, seconds in quotas.SECONDS.items()
    ]
    rows.append(("all", "", *(f"{quotas.busy(rate):.2f}" for rate in quotas.LOADS.values())))
    return _table(("function", "a call", *quotas.LOADS), rows)


def tables() -> Iterator[tuple[str, str]]:
    """Each table with its heading."""
    yield "Quotas, the first to break at the top", _quotas()
    yield "Calls at the same time, by Little's law", _concurrency()
    yield "One tenant, 1,000 orders a second", _partition_heat()
    yield "What a page of the list costs", _list_cost()
    yield "The counter of today", _counter_today()
    yield "What numbers more", _counter_limits()


if __name__ == "__main__":
    for heading, table in tables():
        print(f"{heading}\n\n{table}\n")
