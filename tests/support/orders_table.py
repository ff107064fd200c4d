"""The orders table as Terraform makes it, for engines that Terraform does not make it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS = ("PK", "SK", "GSI1_PK", "GSI1_SK", "GSI2_PK", "GSI2_SK")
_INDEXES = {"OrdersByDateIndex": "GSI1", "OrderByIdIndex": "GSI2"}


def create(client: DynamoDBClient, name: str) -> None:
    """Create a table with the keys and indexes of the orders table."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in _KEYS],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": f"{prefix}_PK", "KeyType": "HASH"},
                    {"AttributeName": f"{prefix}_SK", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, prefix in _INDEXES.items()
        ],
    )
