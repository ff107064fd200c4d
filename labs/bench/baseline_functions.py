"""The handlers of the baseline functions; packed with common/clients.py, they call AWS as the service does."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from common import clients

_FOLDER = Path(__file__).parent
_PAGE = 51


def send(event: dict[str, Any], _: object) -> dict[str, Any]:
    """POST an order: send the body to the queue."""
    clients.sqs().send_message(QueueUrl=os.environ["ORDER_CREATION_QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 202, "body": "{}"}


def accept(event: dict[str, Any], context: object) -> dict[str, Any]:
    """POST an order: send the body to the queue, and put an item."""
    response = send(event, context)
    key = {"PK": {"S": "BASELINE"}, "SK": {"S": str(uuid4())}}
    clients.dynamodb().put_item(TableName=os.environ["ORDERS_TABLE"], Item=key)
    return response


def pass_on(event: dict[str, Any], _: object) -> dict[str, Any]:
    """POST an order: send the body to the engine's loop, and respond with an id."""
    clients.sqs().send_message(QueueUrl=os.environ["LOOP_QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 202, "body": json.dumps({"orderId": str(uuid4())})}


def nothing(_: dict[str, Any], __: object) -> dict[str, Any]:
    """GET: respond at once."""
    return {"statusCode": 200, "body": "{}"}


def get_item(event: dict[str, Any], _: object) -> dict[str, Any]:
    """GET an order: read its item."""
    tenant = event["requestContext"]["authorizer"]["claims"]["custom:tenantId"]
    key = {"PK": {"S": f"TENANT#{tenant}"}, "SK": {"S": f"ORDER#{event['pathParameters']['orderId']}"}}
    found = clients.dynamodb().get_item(TableName=os.environ["ORDERS_TABLE"], Key=key, ConsistentRead=True)
    return {"statusCode": 200 if "Item" in found else 404, "body": "{}"}


def query(event: dict[str, Any], _: object) -> dict[str, Any]:
    """List orders: read a page of 50, and one more that shows whether there is a next page."""
    tenant = event["pathParameters"]["tenantId"]
    found = clients.dynamodb().query(
        TableName=os.environ["ORDERS_TABLE"],
        IndexName="OrdersByDateIndex",
        KeyConditionExpression="GSI1_PK = :pk AND GSI1_SK BETWEEN :from AND :to",
        ExpressionAttributeValues={":pk": {"S": f"TENANT#{tenant}"}, ":from": {"S": "0"}, ":to": {"S": ":"}},
        ScanIndexForward=False,
        Limit=_PAGE,
    )
    return {"statusCode": 200 if len(found["Items"]) == _PAGE else 404, "body": "{}"}


def begin(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Begin the loop: put an item and publish an event for each message."""
    for record in event["Records"]:
        clients.dynamodb().put_item(TableName=os.environ["TABLE"], Item={"id": {"S": record["messageId"]}})
        clients.sns().publish(TopicArn=os.environ["TOPIC"], Message=record["body"])
    return {"batchItemFailures": []}


def end(_: dict[str, Any], __: object) -> dict[str, Any]:
    """End the loop: do nothing."""
    return {"batchItemFailures": []}


def render_plain(event: dict[str, Any], _: object) -> dict[str, Any]:
    """End the loop: render the invoice for each message with WeasyPrint alone, and throw it away."""
    from weasyprint import HTML

    html = (_FOLDER / "baseline_plain.html").read_text()
    for _record in event["Records"]:
        HTML(string=html, base_url=f"{_FOLDER}/templates/invoice/").write_pdf()
    return {"batchItemFailures": []}


def render_as_ours(event: dict[str, Any], _: object) -> dict[str, Any]:
    """End the loop: render the invoice for each message as the service does, and throw it away."""
    from common.invoice import render_pdf

    html = (_FOLDER / "baseline_ours.html").read_text()
    for _record in event["Records"]:
        render_pdf(html)
    return {"batchItemFailures": []}
