"""The AWS calls of an order on a stack that does nothing else: each keeps a promise."""

from collections import Counter

import pytest

from labs.bench import cost
from localstack import engines

pytestmark = [pytest.mark.alone, pytest.mark.sidecars, pytest.mark.needs("CloudTrail")]


def test_order_makes_the_required_calls_only() -> None:
    """An order makes the AWS calls that the promises require, and no others."""
    stack = engines.require()
    cost.warm_up(stack)
    assert cost.measure_order(stack).calls == Counter(cost.REQUIRED.keys())


def test_batch_makes_fewer_calls() -> None:
    """Ten orders that go through every function together make the calls that a batch requires, and no others."""
    stack = engines.require()
    cost.warm_up(stack)
    assert cost.measure_batch(stack).calls == cost.REQUIRED_BATCH
    assert cost.REQUIRED_BATCH.total() <= 14 * cost.BATCH
