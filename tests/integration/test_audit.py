"""What the audit of a run under faults reads from the table and the queues of an engine."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from common.repository import OrderRepository
from common.settings import settings
from labs.chaos.auditor import Auditor
from labs.chaos.load import Placed
from labs.customers import ITEMS
from localstack.aws import Aws
from localstack.stack import Stack
from tests.integration.conftest import Queue


def test_audit_knows_an_order_that_is_only_accepted(
    aws: Aws, stack: Stack, creation_queue: Queue, tmp_path: Path
) -> None:
    """The marker of an order and the message in its queue are what is known of an order that nobody has recorded."""
    outputs = {
        "orders_table": settings.orders_table,
        "orders_bucket": settings.orders_bucket,
        "queue_names": {"order_creator_record": creation_queue.name},
        "dlq_names": {},
    }
    tenant, (marked, lost) = f"audit-{uuid4().hex[:8]}", (UUID(int=1), UUID(int=2))
    auditor = Auditor(replace(stack, directory=tmp_path, outputs=outputs), [tenant])
    OrderRepository(aws.dynamodb, settings.orders_table).mark_accepted(tenant, marked, datetime.now(UTC))
    aws.sqs.send_message(QueueUrl=creation_queue.url, MessageBody="{}")
    placed = [Placed(tenant, str(each), f"buyer@{tenant}.example", tuple(ITEMS), "c-1") for each in (marked, lost)]
    waiting = f"messages: 1 in {creation_queue.name}"
    found = next(each for each in auditor.audit(placed) if each.promise.startswith("an accepted order"))
    assert found.broken == [
        f"order {marked} is marked as accepted, and not recorded; {waiting}",
        f"order {lost} is not in the table; {waiting}",
    ]
