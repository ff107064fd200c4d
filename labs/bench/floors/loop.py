"""The empty loop: an item and an event for each message, and nothing for each event."""

import os
from typing import Any

import boto3
from botocore.config import Config

# As common/clients.py has it.
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
_dynamodb = boto3.client("dynamodb", config=_CONFIG)
_sns = boto3.client("sns", config=_CONFIG)


def begin(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Put an item and publish, for each message."""
    for record in event["Records"]:
        _dynamodb.put_item(TableName=os.environ["TABLE"], Item={"id": {"S": record["messageId"]}})
        _sns.publish(TopicArn=os.environ["TOPIC"], Message=record["body"])
    return {"batchItemFailures": []}


def end(_: dict[str, Any], __: object) -> dict[str, Any]:
    """Do nothing."""
    return {"batchItemFailures": []}
