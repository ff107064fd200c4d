"""No mail address, name, address, token or payment detail is in a log or a metric."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from boto3.dynamodb.types import TypeDeserializer

from e2e.queues import FunctionQueue
from e2e.tenant import Tenant, cart_outage, paid
from labs.customers import ITEMS
from localstack.targets import Platform
from tooling.paths import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.leftovers, pytest.mark.sidecars, pytest.mark.load("held up")]

MAIL_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
# What the logs may name an order by.
IDS = ("id", "tenantId", "orderNumber")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+")
CARD = "4111111111111111"
# Lambda's own lines; its line about a time-out begins with time and request id.
OF_LAMBDA = re.compile(r"(START|END|REPORT) |(\S+Z \S+ )?Task timed out")
LETTER = "\N{CJK UNIFIED IDEOGRAPH-5317}"


def log_lines(platform: Platform) -> list[str]:
    """Every log line of the service."""
    logs = platform.aws.logs
    groups = [group for page in logs.get_paginator("describe_log_groups").paginate() for group in page["logGroups"]]
    return [
        f"{group['logGroupName']}: {event['message']}"
        for group in groups
        if "bbws-order" in group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in page["events"]
    ]


def orders(platform: Platform) -> Iterator[dict[str, Any]]:
    """Every order in the table, of this test and of those before it."""
    decode = TypeDeserializer().deserialize
    for page in platform.aws.dynamodb.get_paginator("scan").paginate(TableName=platform.outputs["orders_table"]):
        for item in page["Items"]:
            # Without an id it is an order that is accepted and not recorded yet.
            if item["SK"]["S"].startswith("ORDER#") and "id" in item:
                yield {name: decode(value) for name, value in item.items()}


def private_values(order: dict[str, Any]) -> set[str]:
    """Personal and payment data of an order, without short values such as postal codes, which occur elsewhere too."""
    address, payment = order["billingAddress"], order.get("paymentDetails", {})
    values = {order["customerEmail"], *address.values(), payment.get("transactionId", "")}
    return {value for value in values if len(value) > 5}


def private_body(tenant: Tenant) -> dict[str, Any]:
    """A valid request with an address that no other request has, and a letter that no font of the invoice has."""
    mark = uuid4().hex[:8]
    address = {"street": f"{mark} Privaat Street", "city": f"Stad {mark} {LETTER}", "province": f"Provinsie {mark}"}
    return tenant.body(billingAddress={**address, "postalCode": "8001", "country": "ZA"})


def refused_requests(tenant: Tenant, order_id: str) -> None:
    """Send requests that the API refuses, with private values in each field and header that it reads."""
    good = private_body(tenant)
    street = good["billingAddress"]["street"]
    details = paid()["paymentDetails"]
    posts: list[dict[str, Any]] = [
        {"json": {**good, "customerEmail": f"{tenant.email} "}},
        {"json": {**good, "cartId": tenant.email, "campaignCode": street, "paymentMethod": tenant.tokens["IdToken"]}},
        {"json": {**good, "billingAddress": {**good["billingAddress"], "street": f"<{street}>"}}},
        {"json": {**good, tenant.email: street}},
        {"data": f"{json.dumps(good)},", "headers": {"Content-Type": "application/json"}},
        {"json": good, "headers": {"Idempotency-Key": f"{tenant.email} {street}"}},
    ]
    responses = [tenant.call("POST", "/v1.0/orders", **post) for post in posts]
    responses += [
        tenant.change(order_id, {"paymentDetails": {**details, "transactionId": number}})
        for number in (CARD, tenant.email, f"{street} {CARD}")
    ]
    responses.append(tenant.get(tenant.email))
    responses.append(tenant.orders(startAt=tenant.tokens["IdToken"], status=tenant.email))
    assert {response.status_code for response in responses} == {400}


def failed_messages(tenant: Tenant) -> None:
    """Send messages that fail for each reason that a consumer distinguishes, each with a whole request in it."""
    queue = FunctionQueue(tenant.platform, "order_creator_record")
    message = {
        "messageId": str(uuid4()),
        "timestamp": "2026-11-24T10:00:00Z",
        "eventType": "OrderCreationRequested",
        "version": "1.0",
        "correlationId": f"e2e-{uuid4()}",
        "payload": {"orderId": str(uuid4()), "tenantId": tenant.id, "createdBy": "e2e", "order": private_body(tenant)},
    }
    wrong_order = {**private_body(tenant), "customerEmail": f"<{tenant.email}>", "currency": tenant.email}
    broken: dict[str, str] = {}
    for change in (
        {"version": tenant.email},
        {"eventType": tenant.email},
        {"payload": {**message["payload"], "order": wrong_order}},  # type: ignore[dict-item]
    ):
        marker = str(uuid4())
        broken[marker] = json.dumps({**message, **change, "messageId": marker})
    marker = str(uuid4())
    broken[marker] = f"{tenant.email} {marker}"
    queue.send(list(broken.values()))
    for marker in broken:
        with queue.dlq_message(marker):
            pass
    # The cart of this order does not exist.
    assert tenant.ordered(**{**private_body(tenant), "cartId": f"cart-{uuid4().hex}"})["status"] == "REJECTED"


def order_during_outage(tenant: Tenant) -> None:
    """Place an order while the Cart service is down, so that an error is logged with its stack trace."""
    cart_id = tenant.put_cart()
    with cart_outage(tenant, cart_id) as wait_until_refused:
        order_id = tenant.place(**{**private_body(tenant), "cartId": cart_id})
        wait_until_refused()
    tenant.recorded(order_id)


def test_logs_and_metrics_have_no_private_data(tenant: Tenant) -> None:
    """Logs and metrics have no mail address, name, address, token or payment detail of any order."""
    platform = tenant.platform
    order_id = tenant.place(f"e2e-{uuid4()}", **private_body(tenant))
    tenant.invoiced(order_id)
    change, correlation_id = paid(), f"e2e-{uuid4()}"
    assert tenant.change(order_id, change, **{"X-Correlation-Id": correlation_id}).status_code == 200
    tenant.mails(correlation_id, 1)
    refused_requests(tenant, order_id)
    failed_messages(tenant)
    order_during_outage(tenant)

    known = list(orders(platform))
    private = {value for order in known for value in private_values(order)}
    # test_openapi.py: Schemathesis reuses an id from a response, such as the tenant's, as a generated transactionId.
    private -= {str(order[name]) for order in known for name in IDS if name in order}
    private |= {
        LETTER,
        tenant.tokens["IdToken"],
        tenant.tokens["AccessToken"],
        CARD,
        *(str(item["name"]) for item in ITEMS),
    }
    # Examples of the API document are nobody's data, and its tests send them in any field.
    description = (ROOT / "docs" / "openapi.json").read_text()
    private = {value for value in private if value not in description}
    assert {tenant.email, change["paymentDetails"]["transactionId"]} < private

    lines = log_lines(platform)
    for function in platform.outputs["function_names"].values():
        assert any(function in line for line in lines), f"no log line of {function}"
    for message in (
        "order accepted",
        "order rejected",
        "message refused",
        "message failed",
        "invoice created",
        "order updated",
        "library warning",
    ):
        assert any(f'"{message}"' in line for line in lines), f"no line says {message!r}"
    messages = [line.partition(": ")[2] for line in lines]
    assert [text for text in messages if not (text.startswith("{") or OF_LAMBDA.match(text))] == [], "not structured"
    log = "\n".join(lines)
    assert {value for value in private if value in log} == set()
    assert [line for line in lines if MAIL_ADDRESS.search(line) or TOKEN.search(line)] == []

    # Metrics are log lines, too (CloudWatch embedded metric format).
    metrics = [json.loads(line.partition(": ")[2]) for line in lines if '"CloudWatchMetrics"' in line]
    assert {name for line in metrics for name in line} >= {"OrdersAccepted", "OrdersRecorded", "MailsSent"}
    for line in metrics:
        texts = {name: value for name, value in line.items() if isinstance(value, str)}
        # Failed calls are counted by function and version.
        assert texts.pop("function", None) in {None, *platform.outputs["function_names"].values()}, line
        assert texts.pop("version", "1").isdigit(), line
        assert texts == {"service": "order-lambda"}, line
