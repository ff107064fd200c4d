"""Point-in-time recovery of the orders table: restore it to a new table, and copy items back from there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

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


@dataclass
class Recovered:
    """What was done.

    Args:
        put: Keys of the items that were copied to the live table.
        left: Keys of the items that were not, because the live item differs.
    """

    put: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def restore(client: DynamoDBClient, table: str, at: datetime) -> str:
    """Restore a table, as it was at a point in time, to a new table; return its name once it exists.

    Args:
        client: Client of DynamoDB as an administrator: the deployment role may not restore.
        table: Name of the live table.
        at: Point in time; AWS cuts it to whole seconds.

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


def _pages(client: DynamoDBClient, table: str) -> Iterator[list[dict[str, Any]]]:
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield page["Items"]


def recover(client: DynamoDBClient, restored: str, order_id: str | None) -> Recovered:
    """Copy items of a restored table to the live one.

    Args:
        client: Client of DynamoDB as an administrator.
        restored: Name of the restored table.
        order_id: Id of the only order to copy, overwriting the live one; None to copy all items that are missing.

    Raises:
        RestoreError: this is not a restored table, or it has no such order.
    """
    live = _live(restored)
    done = Recovered()

    def put(item: dict[str, Any]) -> None:
        name = f"{item['PK']['S']} {item['SK']['S']}"
        if order_id:
            client.put_item(TableName=live, Item=item)
            done.put.append(name)
            return
        try:
            client.put_item(
                TableName=live,
                Item=item,
                ConditionExpression="attribute_not_exists(PK)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            done.put.append(name)
        except client.exceptions.ConditionalCheckFailedException as error:
            if error.response.get("Item") != item:
                done.left.append(name)

    with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
        for page in _pages(client, restored):
            list(pool.map(put, [item for item in page if order_id in (None, item["SK"]["S"].removeprefix("ORDER#"))]))
    if order_id and not done.put:
        raise RestoreError(f"there is no order {order_id} in {restored}: check the id, or restore to an earlier time")
    return done


def discard(client: DynamoDBClient, restored: str) -> None:
    """Delete a restored table.

    Raises:
        RestoreError: this is not a restored table.
    """
    _live(restored)
    client.delete_table(TableName=restored)


def _live(restored: str) -> str:
    live, mark, _ = restored.partition(_MARK)
    if not mark:
        raise RestoreError(f"{restored!r} is not a restored table: name the table that `bin/ops restore` printed")
    return live
