"""Idempotency-Key: a repeated request makes no second order, and sends no second mail."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from common.events import Envelope, Event, InvoiceCreated, OrderRecorded
from e2e.queues import drain
from e2e.tenant import DEADLINE_SECONDS, Tenant
from tooling.polling import poll

_YEAR_SECONDS = 365 * 24 * 60 * 60


def test_repeated_request_gives_the_same_order(tenant: Tenant) -> None:
    """A request repeated with the same key and body gives the same order."""
    body, headers = tenant.body(), {"Idempotency-Key": str(uuid4())}
    responses = [tenant.call("POST", "/v1.0/orders", json=body, headers=headers) for _ in range(3)]
    assert [response.status_code for response in responses] == [202, 202, 202]
    (order_id,) = {response.json()["orderId"] for response in responses}
    tenant.recorded(order_id)
    assert len(tenant.orders().json()["items"]) == 1


def test_concurrent_requests_give_one_order(tenant: Tenant) -> None:
    """Concurrent requests with the same key and body give one order."""
    body, headers = tenant.body(), {"Idempotency-Key": str(uuid4())}
    with ThreadPoolExecutor(max_workers=5) as pool:
        responses = list(pool.map(lambda _: tenant.call("POST", "/v1.0/orders", json=body, headers=headers), range(5)))
    # 409 means that the first request is still in flight; the caller retries.
    assert {response.status_code for response in responses} <= {202, 409}
    (order_id,) = {response.json()["orderId"] for response in responses if response.status_code == 202}
    tenant.recorded(order_id)
    assert len(tenant.orders().json()["items"]) == 1


def test_same_key_with_another_body_is_refused(tenant: Tenant) -> None:
    """A key repeated with another body is refused, and the first order stays as it is."""
    body, headers = tenant.body(), {"Idempotency-Key": str(uuid4())}
    first = tenant.call("POST", "/v1.0/orders", json=body, headers=headers)
    second = tenant.call("POST", "/v1.0/orders", json={**body, "paymentMethod": "CARD"}, headers=headers)
    assert (first.status_code, second.status_code) == (202, 422)
    assert second.headers["Content-Type"] == "application/problem+json"
    assert tenant.recorded(first.json()["orderId"])["paymentMethod"] == "EFT"


def test_same_key_in_quotes_gives_one_order(tenant: Tenant) -> None:
    """A key is the same with the quotes of a structured field (RFC 9651) and without them."""
    body, key = tenant.body(), str(uuid4())
    first, second = (
        tenant.call("POST", "/v1.0/orders", json=body, headers={"Idempotency-Key": each}) for each in (key, f'"{key}"')
    )
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()


def test_same_key_of_two_tenants_gives_two_orders(make_tenant: Callable[[], Tenant]) -> None:
    """Two tenants that use the same key get an order each."""
    headers = {"Idempotency-Key": str(uuid4())}
    ids = set()
    for tenant in (make_tenant(), make_tenant()):
        response = tenant.call("POST", "/v1.0/orders", json=tenant.body(), headers=headers)
        assert response.status_code == 202
        ids.add(response.json()["orderId"])
    assert len(ids) == 2


def test_requests_without_a_key_give_an_order_each(tenant: Tenant) -> None:
    """Without a key, each request creates a separate order."""
    body = tenant.body()
    ids = {tenant.call("POST", "/v1.0/orders", json=body).json()["orderId"] for _ in range(2)}
    assert len(ids) == 2
    poll("both orders in the list", lambda: len(tenant.orders().json()["items"]) == 2 or None, 90)


def test_too_long_key_is_refused(tenant: Tenant) -> None:
    """A key of more than 255 characters is refused."""
    response = tenant.call("POST", "/v1.0/orders", json=tenant.body(), headers={"Idempotency-Key": "k" * 256})
    assert response.status_code == 400
    assert response.json()["errors"] == [
        {"field": "Idempotency-Key", "detail": "must be 1 to 255 visible ASCII characters, with or without quotes"}
    ]


def pass_a_year(tenant: Tenant, data: object) -> None:
    """Let the idempotency record of a request or mail be a year older."""
    table = {"TableName": tenant.platform.outputs["idempotency_table"]}
    digest = hashlib.md5(json.dumps(data).encode(), usedforsecurity=False).hexdigest()
    client = tenant.platform.aws.dynamodb
    pages = client.get_paginator("scan").paginate(**table, ProjectionExpression="id")
    (key,) = (item["id"] for page in pages for item in page["Items"] if item["id"]["S"].endswith(f"#{digest}"))
    client.update_item(
        **table,
        Key={"id": key},
        UpdateExpression="SET expiration = expiration - :year",
        ExpressionAttributeValues={":year": {"N": str(_YEAR_SECONDS)}},
    )


@pytest.mark.alone
@pytest.mark.sidecars
def test_request_repeated_after_a_year_sends_no_second_mail(tenant: Tenant) -> None:
    """A request repeated after its record has expired is accepted with the old order's id, and sends no mail again."""
    body, key, first, again = tenant.body(), str(uuid4()), f"e2e-{uuid4()}", f"e2e-{uuid4()}"
    order_id = tenant.client.place(body, idempotency_key=key, correlation_id=first).order_id
    order = tenant.invoiced(order_id)
    tenant.mails(first, 2)
    named: dict[str, Any] = {"tenant_id": tenant.id, "order_id": order_id}
    mails: list[Event] = [OrderRecorded(**named), InvoiceCreated(**named, invoice_key=order["invoiceKey"])]
    for data in ([tenant.id, key], *(str(Envelope.of(event, "e2e").message_id) for event in mails)):
        pass_a_year(tenant, data)
    assert tenant.client.place(body, idempotency_key=key, correlation_id=again).order_id == order_id
    drain(tenant.platform, DEADLINE_SECONDS)
    assert tenant.platform.mailbox
    assert tenant.platform.mailbox.find(again) == []
    assert len(tenant.orders().json()["items"]) == 1
