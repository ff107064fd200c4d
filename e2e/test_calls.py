"""What an order asks of AWS, on a stack that does nothing else: no call without a reason."""

from collections import Counter

import pytest

from labs.bench import counted
from labs.bench.counted import Call
from labs.bench.needed import NEEDED
from localstack import engines

pytestmark = [pytest.mark.alone, pytest.mark.sidecars, pytest.mark.embedded]


def test_an_order_makes_the_calls_that_it_needs_and_no_other() -> None:
    stack = engines.require()
    counted.warm_up(stack)
    assert counted.measure(stack).calls == Counter(Call(*needed[:3]) for needed in NEEDED)
