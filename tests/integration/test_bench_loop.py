"""The bench's floors and its counting, on a bare engine."""

from collections import Counter

import pytest

from labs.bench.loop import loop
from labs.bench.trail import recorded
from labs.bench.workers import cpu_seconds, workers
from localstack.aws import Aws
from localstack.stack import Stack

pytestmark = pytest.mark.usefixtures("aws")


def test_the_empty_loop_takes_every_message_through(stack: Stack, aws: Aws) -> None:
    with loop(stack, draws=False) as floor:
        floor.run(3, seconds=60)
        assert len(aws.dynamodb.scan(TableName=floor.name)["Items"]) == 3
        names = {worker.function for worker in workers(stack) if worker.function.startswith(floor.name)}
        assert names == {f"{floor.name}-{use}" for use in ("first", "pdf", "internal", "customer")}
        assert cpu_seconds(stack)[f"{floor.name}-first"] > 0
    assert [name for name in aws.dynamodb.list_tables()["TableNames"] if name.startswith("floor-")] == []


def test_the_trail_has_the_calls_of_functions_and_of_nobody_else(stack: Stack, aws: Aws) -> None:
    with loop(stack, draws=False) as floor:
        floor.run(1, seconds=60)
        with recorded(stack) as trail:
            floor.run(4, seconds=60)
        first = f"{floor.name}-first"
        assert Counter((event.function, event.service, event.action) for event in trail.events) == {
            (first, "dynamodb", "PutItem"): 4,
            (first, "sns", "Publish"): 4,
        }
        assert {event.request.get("TableName", floor.name) for event in trail.events} == {floor.name}
