"""No mail address, name, address, token or payment detail is in a log or a metric (R8).

Runs after the other tests (`alone`), and reads what the functions logged for all of them.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from boto3.dynamodb.types import TypeDeserializer

from e2e.queues import DeadLetters
from e2e.tenant import DEADLINE_SECONDS, ITEMS, Tenant, paid
from localstack.targets import Platform
from tooling.paths import ROOT
from tooling.polling import poll

pytestmark = [pytest.mark.alone, pytest.mark.sidecars, pytest.mark.load("held up")]

MAIL_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+")
CARD = "4111111111111111"


def log_lines(platform: Platform) -> list[str]:
    """Every line of every log group of the service."""
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
    """Every order that any test has placed."""
    decode = TypeDeserializer().deserialize
    for page in platform.aws.dynamodb.get_paginator("scan").paginate(TableName=platform.outputs["orders_table"]):
        for item in page["Items"]:
            if item["SK"]["S"].startswith("ORDER#"):
                yield {name: decode(value) for name, value in item.items()}


def private_values(order: dict[str, Any]) -> set[str]:
    """What of an order is a person's or a payment's. A short value, such as a postal code, is also a part of others."""
    address, payment = order["billingAddress"], order.get("paymentDetails", {})
    values = {order["customerEmail"], *address.values(), payment.get("transactionId", "")}
    return {value for value in values if len(value) > 5}


def telling(tenant: Tenant) -> dict[str, Any]:
    """A good request with an address that is nobody else's."""
    mark = uuid4().hex[:8]
    address = {"street": f"{mark} Privaat Street", "city": f"Stad {mark}", "province": f"Provinsie {mark}"}
    return tenant.body(billingAddress={**address, "postalCode": "8001", "country": "ZA"})


def refused_requests(tenant: Tenant, order_id: str) -> None:
    """Send what the API refuses, with private values in each place that it looks at."""
    good = telling(tenant)
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
    answers = [tenant.call("POST", "/v1.0/orders", **post) for post in posts]
    answers += [
        tenant.change(order_id, {"paymentDetails": {**details, "transactionId": number}})
        for number in (CARD, tenant.email, f"{street} {CARD}")
    ]
    answers.append(tenant.get(tenant.email))
    answers.append(tenant.orders(startAt=tenant.tokens["IdToken"], status=tenant.email))
    assert {answer.status_code for answer in answers} == {400}


def failed_messages(tenant: Tenant) -> None:
    """Let messages fail in every way that a consumer tells apart, each with the whole of a request in it."""
    dead_letters = DeadLetters(tenant.platform, "order_creator_record")
    message = {
        "messageId": str(uuid4()),
        "timestamp": "2026-11-24T10:00:00Z",
        "eventType": "OrderCreationRequested",
        "version": "1.0",
        "correlationId": f"e2e-{uuid4()}",
        "payload": {"orderId": str(uuid4()), "tenantId": tenant.id, "createdBy": "e2e", "order": telling(tenant)},
    }
    wrong_order = {**telling(tenant), "customerEmail": f"<{tenant.email}>", "currency": tenant.email}
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
    dead_letters.send(list(broken.values()))
    # Its cart does not exist.
    broken[tenant.place(**{**telling(tenant), "cartId": f"cart-{uuid4().hex}"})] = ""
    for marker in broken:
        with dead_letters.holding(marker):
            pass


def outage(tenant: Tenant) -> None:
    """Let the Cart service fail while an order is recorded, so that an error is logged with its trace."""
    cart_id = tenant.put_cart()
    control = f"{tenant.platform.cart_url}/control/outages/{cart_id}"
    tenant.http.put(control, json={"status": 503}, timeout=10).raise_for_status()
    order_id = tenant.place(**{**telling(tenant), "cartId": cart_id})
    poll(
        "the Cart service asked and refusing",
        lambda: tenant.http.get(control, timeout=10).json()["refused"] > 0 or None,
        DEADLINE_SECONDS,
    )
    tenant.http.delete(control, timeout=10).raise_for_status()
    tenant.recorded(order_id)


def test_nothing_private_is_logged_or_measured(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant()
    platform = tenant.platform
    order_id = tenant.place(f"e2e-{uuid4()}", **telling(tenant))
    tenant.invoiced(order_id)
    change, correlation_id = paid(), f"e2e-{uuid4()}"
    assert tenant.change(order_id, change, **{"X-Correlation-Id": correlation_id}).status_code == 200
    tenant.mails(correlation_id, 1)
    refused_requests(tenant, order_id)
    failed_messages(tenant)
    outage(tenant)

    known = list(orders(platform))
    private = {value for order in known for value in private_values(order)}
    private |= {tenant.tokens["IdToken"], tenant.tokens["AccessToken"], CARD, *(str(item["name"]) for item in ITEMS)}
    # What the API's description shows as an example is nobody's, and its tests put it into any field.
    description = (ROOT / "docs" / "openapi.json").read_text()
    private = {value for value in private if value not in description}
    assert {tenant.email, change["paymentDetails"]["transactionId"]} < private

    lines = log_lines(platform)
    for function in platform.outputs["function_names"].values():
        assert any(function in line for line in lines), f"{function} has logged nothing"
    for message in ("order accepted", "message refused", "message failed", "invoice created", "order updated"):
        assert any(f'"{message}"' in line for line in lines), f"no line says {message!r}"
    platform_lines = ("START ", "END ", "REPORT ", "Task timed out")
    messages = [line.partition(": ")[2] for line in lines]
    assert [text for text in messages if not text.startswith(("{", *platform_lines))] == [], "not structured"
    log = "\n".join(lines)
    assert {value for value in private if value in log} == set()
    assert [line for line in lines if MAIL_ADDRESS.search(line) or TOKEN.search(line)] == []

    # Metrics are lines of the log, too (CloudWatch embedded metric format).
    metrics = [json.loads(line.partition(": ")[2]) for line in lines if '"CloudWatchMetrics"' in line]
    assert {name for line in metrics for name in line} >= {"OrdersAccepted", "OrdersRecorded", "MailsSent"}
    for line in metrics:
        texts = {name: value for name, value in line.items() if isinstance(value, str)}
        assert texts == {"service": "order-lambda"}, line
