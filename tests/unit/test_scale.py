"""The simulation behind docs/scale.md: its policy is that of the code, and the document has its tables."""

import re
from typing import Any

import pytest

from common import repository
from common.errors import TransientError
from common.repository import OrderRepository
from labs import scale
from labs.scale import Counter, Numbering
from tests.support.samples import draft
from tooling.paths import ROOT


class Conflicting:
    """A DynamoDB client in which every transaction conflicts; counts them."""

    class exceptions:  # noqa: N801  # boto3's name
        """Its errors."""

        class TransactionCanceledException(Exception):  # noqa: N818  # AWS's name
            """A conflict."""

            response = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}  # noqa: RUF012

    transactions = 0

    def get_item(self, **request: Any) -> dict[str, Any]:
        """The counter of a year that has begun."""
        return {"Item": {"lastNumber": {"N": "7"}}}

    def transact_write_items(self, TransactItems: list[Any]) -> None:  # noqa: N803  # AWS's name
        """Conflict."""
        self.transactions += 1
        raise self.exceptions.TransactionCanceledException


def test_retries_are_those_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation retries as often and waits as long as OrderRepository.record."""
    waits: list[tuple[float, float]] = []

    class Bounds:
        def uniform(self, least: float, most: float) -> float:
            waits.append((least, most))
            return 0.0

    monkeypatch.setattr(repository, "_jitter", Bounds())
    client: Any = Conflicting()
    with pytest.raises(TransientError):
        OrderRepository(client, "orders").record(draft())
    assert client.transactions == scale.MAX_ATTEMPTS
    assert waits == [(0, scale.backoff(attempt)) for attempt in range(scale.MAX_ATTEMPTS)]


def test_concurrency_is_that_of_terraform() -> None:
    """The maximum concurrency of each mapping is the one in terraform/locals.tf."""
    found = re.findall(
        r"^    (\w+) = \{\n(?:      #.*\n)*      name .*concurrency = (\d+)$",
        (ROOT / "terraform" / "locals.tf").read_text(),
        re.MULTILINE,
    )
    assert {name: int(value) for name, value in found} == scale.CONCURRENCY


def test_one_writer_never_conflicts() -> None:
    """A single writer succeeds with each transaction; the last one may be cut off."""
    run = Counter(Numbering(1))
    assert run.transactions - run.recorded in (0, 1)


def test_batched_orders_are_numbered_ten_times_as_fast() -> None:
    """The counter limits transactions, not orders."""
    one, ten = (Counter(Numbering(1, together)).rate for together in (1, 10))
    assert 8 < ten / one <= 10


def test_more_writers_gain_little() -> None:
    """Ten times as many writers number less than twice the orders, since they conflict more often."""
    few, many = (Counter(Numbering(writers)) for writers in (5, 50))
    assert few.rate < many.rate < 2 * few.rate
    assert many.transactions / many.recorded > 3 * few.transactions / few.recorded


def test_limits_are_sorted_by_what_breaks_first() -> None:
    """The first limit to break is at the top."""
    found = [limit.value / limit.used for limit in scale.limits()]
    assert found == sorted(found)
    assert found[0] > 0


def test_scale_document_has_the_tables() -> None:
    """docs/scale.md has what `bin/ops lab scale` prints."""
    document = (ROOT / "docs" / "scale.md").read_text()
    for heading, table in scale.tables():
        assert table in document, f"{heading}: copy what `bin/ops lab scale` prints into docs/scale.md"
