"""The simulation behind docs/scale.md: its policy is that of the code, and the document has its tables."""

import re

import pytest

from common import clients, recording
from common.counter import Counter
from common.errors import TransientError
from labs import scale
from labs.scale import Numbering, Simulation
from tests.support.samples import draft
from tooling.paths import ROOT


def test_retries_are_those_of_the_recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation retries as often and waits as long as OrderRecorder.record."""
    waits: list[tuple[float, float]] = []
    monkeypatch.setattr(recording, "pause", lambda *bounds: waits.append(bounds))
    monkeypatch.setattr(Counter, "lease", lambda _: None)
    (outcome,) = recording.OrderRecorder(clients.dynamodb(), "orders").record([draft()])
    assert isinstance(outcome, TransientError)
    assert waits == [(0, scale.backoff(attempt)) for attempt in range(scale.MAX_ATTEMPTS)]


def test_concurrency_is_that_of_terraform() -> None:
    """The maximum concurrency of each mapping is the one in terraform/locals.tf."""
    found = re.findall(
        r"^    (\w+) = \{\n(?:      #.*\n)*      name .*concurrency = (\d+)$",
        (ROOT / "terraform" / "locals.tf").read_text(),
        re.MULTILINE,
    )
    assert {name: int(value) for name, value in found} == scale.CONCURRENCY


def test_leased_transactions_never_conflict() -> None:
    """A writer with a lease succeeds with each transaction; the last ones may be cut off."""
    for writers in (1, 5, 50):
        run = Simulation(Numbering(writers))
        assert 1 <= run.attempts < 1.02


def test_transactions_without_leases_conflict() -> None:
    """Without leases, five writers need more than twice the transactions for the same orders."""
    leased, not_leased = (Simulation(Numbering(5, leased=each)) for each in (True, False))
    assert not_leased.attempts > 2 * leased.attempts
    assert not_leased.rate == pytest.approx(leased.rate, rel=0.1)


def test_batched_orders_are_numbered_ten_times_as_fast() -> None:
    """The counter limits transactions, not orders."""
    one, ten = (Simulation(Numbering(1, together)).rate for together in (1, 10))
    assert 8 < ten / one <= 10


def test_more_writers_gain_little() -> None:
    """Ten times as many writers number less than one and a half times the orders, since they wait for each other."""
    few, many = (Simulation(Numbering(writers)) for writers in (5, 50))
    assert few.rate < many.rate < 1.5 * few.rate
    assert many.requests > 3 * few.requests


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
