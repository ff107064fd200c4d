"""Beside get_order: reads the item of an order."""

import os
from typing import Any

from common import clients

_dynamodb = clients.dynamodb()
_table = os.environ["ORDERS_TABLE"]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Read an order of the caller's tenant, and answer nothing."""
    tenant = event["requestContext"]["authorizer"]["claims"]["custom:tenantId"]
    key = {"PK": {"S": f"TENANT#{tenant}"}, "SK": {"S": f"ORDER#{event['pathParameters']['orderId']}"}}
    found = _dynamodb.get_item(TableName=_table, Key=key, ConsistentRead=True)
    return {"statusCode": 200 if "Item" in found else 404, "body": "{}"}
