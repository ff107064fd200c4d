"""Beside list_orders: reads the items of a page of 50, and the one that says that there are more."""

import os
from typing import Any

from common import clients

_dynamodb = clients.dynamodb()
_table = os.environ["ORDERS_TABLE"]
_PAGE = 51


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Read the newest orders of a tenant, and answer nothing."""
    found = _dynamodb.query(
        TableName=_table,
        IndexName="OrdersByDateIndex",
        KeyConditionExpression="GSI1_PK = :pk AND GSI1_SK BETWEEN :from AND :to",
        ExpressionAttributeValues={
            ":pk": {"S": f"TENANT#{event['pathParameters']['tenantId']}"},
            ":from": {"S": "0"},
            ":to": {"S": ":"},
        },
        ScanIndexForward=False,
        Limit=_PAGE,
    )
    return {"statusCode": 200 if len(found["Items"]) == _PAGE else 404, "body": "{}"}
