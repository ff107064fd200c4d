"""Point-in-time recovery of the orders table: restore it to a new table, and copy items back from there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from common.status import ACCEPTED
from tooling.cli import UserError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MARK = "-restored-"
# AWS needs some minutes for a table of any size.
_POLL_SECONDS = 5
_MOST_POLLS = 720
_WRITERS = 16


class RestoreError(UserError):
    """Nothing can be restored or copied back; the text says why."""


def restore(client: DynamoDBClient, table: str, at: datetime) -> str:
    """Restore a table, as it was at a point in time, to a new table; return its name once it exists.

    AWS cuts the time to whole seconds. Only an administrator may restore, not the deployment role.

    Raises:
        RestoreError: point-in-time recovery is off, or does not reach back so far.
    """
    restored = f"{table}{_MARK}{at:%Y%m%dT%H%M%S}"
    try:
        client.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=restored, RestoreDateTime=at)
    except (
        client.exceptions.PointInTimeRecoveryUnavailableException,
        client.exceptions.InvalidRestoreTimeException,
        client.exceptions.TableAlreadyExistsException,
    ) as error:
        raise RestoreError(
            f"{table} cannot be restored to {at.isoformat()}: {error}; choose a time within its backups"
        ) from None
    client.get_waiter("table_exists").wait(
        TableName=restored, WaiterConfig={"Delay": _POLL_SECONDS, "MaxAttempts": _MOST_POLLS}
    )
    return restored


def recover(client: DynamoDBClient, restored: str, order_id: str | None) -> tuple[list[str], list[str]]:
    """Copy the items that are missing from a restored table to the live one, or one order, overwriting the live one.

    An order that is accepted and not recorded in one of the two tables is missing there.
    Returns the keys of the items that were copied, and of those that were not because the live item differs.
    Raises RestoreError: this is not a restored table, or it has no such order.
    """
    # Imported late: it takes a sixth of a second, and no other command of `bin/ops` needs it.
    from common.table_items import IS_NEW

    live = _live(restored)
    copied, left = [], []

    def put(item: dict[str, Any]) -> None:
        key = f"{item['PK']['S']} {item['SK']['S']}"
        try:
            client.put_item(TableName=live, Item=item, **({} if order_id else IS_NEW))
            copied.append(key)
        except client.exceptions.ConditionalCheckFailedException as error:
            if error.response.get("Item") != item:
                left.append(key)

    with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
        for page in client.get_paginator("scan").paginate(TableName=restored, ConsistentRead=True):
            # The marker of an acceptance is no order: its message makes the order.
            orders = [item for item in page["Items"] if item.get("status") != {"S": ACCEPTED}]
            items = [item for item in orders if order_id in (None, item["SK"]["S"].removeprefix("ORDER#"))]
            list(pool.map(put, items))
    if order_id and not copied:
        raise RestoreError(f"there is no order {order_id} in {restored}: check the id, or restore to an earlier time")
    return copied, left


def discard(client: DynamoDBClient, restored: str) -> None:
    """Delete a restored table. Raises RestoreError: this is not a restored table."""
    _live(restored)
    client.delete_table(TableName=restored)


def _live(restored: str) -> str:
    live, mark, _ = restored.partition(_MARK)
    if not mark:
        raise RestoreError(f"{restored!r} is not a restored table: name the table that `bin/ops restore` printed")
    return live
