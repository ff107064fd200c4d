"""The counter of a year's order numbers: an item of the orders table, which writers lease in turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from common.table_items import to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A transaction takes some twenty milliseconds. The lease of a process that was killed delays the others for so long.
LEASE_SECONDS = 1.0


class Counter:
    """The last order number of a year.

    A lease only keeps writers from failing each other's transactions, which DynamoDB charges for. Numbers are right
    without it: a transaction counts on only from the number that its writer has read.
    """

    def __init__(self, client: DynamoDBClient, table: str, year: int) -> None:
        self._client = client
        self._table = table
        self.year = year
        self._key = to_attributes({"PK": "COUNTER#ORDER", "SK": f"YEAR#{year}"})

    def lease(self) -> int | None:
        """Lease the counter and return the last number; None if another writer has it."""
        now, errors = time.time(), self._client.exceptions
        values = {":now": _milliseconds(now), ":until": _milliseconds(now + LEASE_SECONDS), ":zero": 0}
        try:
            response = self._client.update_item(
                TableName=self._table,
                Key=self._key,
                UpdateExpression="SET leasedUntil = :until, lastNumber = if_not_exists(lastNumber, :zero)",
                ConditionExpression="attribute_not_exists(leasedUntil) OR leasedUntil < :now",
                ExpressionAttributeValues=to_attributes(values),
                ReturnValues="ALL_NEW",
            )
        except (errors.ConditionalCheckFailedException, errors.TransactionConflictException):
            return None
        return int(response["Attributes"]["lastNumber"]["N"])

    def increment(self, last: int, by: int) -> Any:
        """The part of a transaction that counts on from the last number and ends the lease."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": self._key,
                "UpdateExpression": "SET lastNumber = :next REMOVE leasedUntil",
                "ConditionExpression": "lastNumber = :last",
                "ExpressionAttributeValues": to_attributes({":next": last + by, ":last": last}),
            }
        }

    def release(self) -> None:
        """End the lease without taking a number."""
        self._client.update_item(TableName=self._table, Key=self._key, UpdateExpression="REMOVE leasedUntil")


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1_000)
