"""The AWS calls of an order on a stack that does nothing else: each keeps a promise."""

from collections import Counter
from collections.abc import Iterator

import pytest

from e2e.applied import put_back
from labs.bench import cost
from localstack import engines
from localstack.targets import Platform
from ops.queues import states

pytestmark = [pytest.mark.alone, pytest.mark.sidecars, pytest.mark.needs("CloudTrail")]


@pytest.fixture(scope="module", autouse=True)
def consumers_put_back(platform: Platform) -> Iterator[None]:
    """Checks that the consumers of the queues are enabled again."""
    aws, queues = platform.aws, list(platform.outputs["queue_names"].values())
    with put_back(lambda: [each.consumer for each in states(aws.sqs, aws.functions, queues)]):
        yield


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
