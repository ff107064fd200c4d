"""The simulation behind docs/scale.md: it loses nothing, holds below its limit, and has the policy of the code."""

import math
import re
from typing import Any

import pytest

from common import repository
from common.errors import TransientError
from common.repository import OrderRepository
from labs.simulation import __main__ as simulation
from labs.simulation import counter, heat, quotas
from labs.simulation.clock import Clock, Process
from labs.simulation.counter import Numbering
from tests.support.samples import draft
from tooling.paths import ROOT


class Conflicting:
    """A DynamoDB client whose every transaction meets another one; keeps what was to be written."""

    class exceptions:  # noqa: N801  # boto3's name
        """Its errors."""

        class TransactionCanceledException(Exception):  # noqa: N818  # AWS's name
            """A conflict."""

            response = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}  # noqa: RUF012

    def __init__(self) -> None:
        self.tried: list[Any] = []

    def get_item(self, **request: Any) -> dict[str, Any]:
        """The counter of a year that has begun."""
        return {"Item": {"lastNumber": {"N": "7"}}}

    def transact_write_items(self, TransactItems: list[Any]) -> None:  # noqa: N803  # AWS's name
        """Meets another one."""
        self.tried.append(TransactItems)
        raise self.exceptions.TransactionCanceledException


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> tuple[Conflicting, list[tuple[float, float]]]:
    """The client, and the bounds of each wait, of an order that got no number."""
    waits: list[tuple[float, float]] = []

    class Bounds:
        def uniform(self, least: float, most: float) -> float:
            waits.append((least, most))
            return 0.0

    monkeypatch.setattr(repository, "_jitter", Bounds())
    client: Any = Conflicting()
    with pytest.raises(TransientError):
        OrderRepository(client, "orders").record(draft())
    return client, waits


class TestPolicy:
    def test_the_retries_are_those_of_the_repository(
        self, given_up: tuple[Conflicting, list[tuple[float, float]]]
    ) -> None:
        client, waits = given_up
        assert len(client.tried) == counter.MAX_ATTEMPTS
        assert waits == [(0, counter.backoff(attempt)) for attempt in range(counter.MAX_ATTEMPTS)]

    def test_an_order_costs_the_units_that_are_counted(
        self, given_up: tuple[Conflicting, list[tuple[float, float]]]
    ) -> None:
        # DynamoDB counts the bytes of names and values.
        def size(value: Any) -> int:
            (kind, content), *_ = value.items()
            if kind == "M":
                return 3 + sum(len(name) + size(each) + 1 for name, each in content.items())
            if kind == "L":
                return 3 + sum(size(each) + 1 for each in content)
            return len(str(content))

        item = given_up[0].tried[0][1]["Put"]["Item"]
        item["invoiceKey"] = {"S": f"tenant-a/orders/order_{item['id']['S']}.pdf"}
        kilobytes = sum(len(name) + size(value) for name, value in item.items()) / 1024
        assert kilobytes == pytest.approx(heat.ORDER_KB, abs=0.05)

    def test_the_mappings_are_those_of_terraform(self) -> None:
        text = (ROOT / "terraform" / "locals.tf").read_text()
        found = dict(
            re.findall(r"^    (\w+) = \{\n(?:      #.*\n)*      name .*concurrency = (\d+)$", text, re.MULTILINE)
        )
        assert {name: int(value) for name, value in found.items()} == {
            "order_creator_record": simulation.TODAY.writers,
            **quotas.CONCURRENCY,
        }


class TestClock:
    def test_events_come_in_their_order_and_time_does_not_pass_the_end(self) -> None:
        clock, seen = Clock(), []

        def process(name: str, wait: float) -> Process[None]:
            while True:
                seen.append((name, clock.now))
                yield wait

        clock.start(process("a", 2))
        clock.start(process("b", 1))
        clock.run(3)
        assert seen == [("a", 0), ("b", 0), ("b", 1), ("a", 2), ("b", 2), ("b", 3)]
        assert clock.now == 3


class TestCounter:
    @pytest.mark.parametrize("rate", [5.0, 40.0, 500.0])
    @pytest.mark.parametrize("numbering", [simulation.TODAY, Numbering(50), Numbering(2, together=25)])
    def test_no_order_is_lost(self, numbering: Numbering, rate: float) -> None:
        run = counter.run(numbering, rate, 30, seed=3)
        assert run.arrived == run.recorded + run.dead + run.waiting
        assert run.waits is not None
        assert len(run.waits) == run.recorded > 0

    def test_below_the_limit_nothing_fails_and_nothing_piles_up(self) -> None:
        limit = counter.limit(simulation.TODAY)
        below, above = (counter.run(simulation.TODAY, limit * share, 120) for share in (0.8, 1.5))
        assert (below.dead, below.given_up) == (0, 0)
        assert below.waiting < 20
        assert above.waiting > 0.2 * above.arrived

    def test_the_same_seed_is_the_same_run(self) -> None:
        first, again, other = (counter.run(simulation.TODAY, 20, 30, seed) for seed in (1, 1, 2))
        assert first == again != other

    def test_one_writer_never_meets_another(self) -> None:
        run = counter.run(Numbering(1), 500, 30)
        assert run.transactions - run.recorded in (0, 1)

    def test_a_transaction_of_ten_numbers_about_ten_times_as_much(self) -> None:
        one, ten = (counter.limit(Numbering(1, together=together)) for together in (1, 10))
        assert 8 < ten / one <= 10

    def test_more_writers_than_the_counter_takes_give_up_some(self) -> None:
        few, many = (counter.run(Numbering(writers), 5000, 30) for writers in (5, 200))
        assert few.given_up == 0
        assert many.given_up > 0


class TestHeat:
    def test_all_that_arrives_is_written_or_waits(self) -> None:
        run = heat.run(1000, 1, 200)
        assert sum(moment.taken for moment in run) + run[-1].waiting == pytest.approx(200 * 1000)

    def test_a_rate_that_a_partition_takes_is_never_throttled(self) -> None:
        assert all(moment.refused == 0 for moment in heat.run(100, 1, 300))

    def test_a_random_key_splits_until_it_holds_and_a_date_never_does(self) -> None:
        *_, last = heat.run(1000, 1, 1200)
        assert last.table > heat.TABLE_UNITS
        assert last.index == 1
        assert last.taken == heat.PARTITION_UNITS / heat.INDEX_UNITS

    def test_shards_hold_what_one_key_does_not(self) -> None:
        *_, last = heat.run(1000, 4, 1200)
        assert last.taken >= 1000
        assert last.waiting == 0

    def test_a_page_of_more_shards_costs_so_many_times_as_much(self) -> None:
        one, eight = heat.list_cost(1), heat.list_cost(8)
        assert (one.queries, one.orders) == (1, 51)
        assert (eight.queries, eight.units) == (8, 8 * one.units)


class TestQuotas:
    def test_the_first_to_break_is_at_the_top_and_none_has_no_limit(self) -> None:
        found = quotas.quotas(50)
        assert [each.breaks for each in found] == sorted(each.breaks for each in found)
        assert all(0 < each.breaks < math.inf for each in found)

    def test_calls_at_once_are_rate_times_duration(self) -> None:
        api = sum(count * quotas.SECONDS[name] for name, count in quotas.REQUESTS.items())
        consumers = sum(seconds for name, seconds in quotas.SECONDS.items() if name not in quotas.REQUESTS)
        assert quotas.busy(10) == pytest.approx(10 * (api + consumers))


def test_the_document_has_what_is_printed() -> None:
    document = (ROOT / "docs" / "scale.md").read_text()
    for heading, table in simulation.tables():
        assert table in document, f"{heading}: put what `make simulate` prints into docs/scale.md"
