"""Beside create_order: sends the body to the queue."""

import os
from typing import Any

from common import clients

_sqs = clients.sqs()
_queue = os.environ["ORDER_CREATION_QUEUE_URL"]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Queue the body, and answer nothing."""
    _sqs.send_message(QueueUrl=_queue, MessageBody=event["body"])
    return {"statusCode": 202, "body": "{}"}
