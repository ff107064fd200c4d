"""Idempotency-Key (R5): the same request is the same order, however often it is sent."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from e2e.tenant import Tenant
from tooling.polling import poll


def test_the_same_key_and_body_give_the_same_order(tenant: Tenant) -> None:
    body, headers = tenant.body(), {"Idempotency-Key": str(uuid4())}
    answers = [tenant.call("POST", "/v1.0/orders", json=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    (order_id,) = {answer.json()["orderId"] for answer in answers}
    tenant.recorded(order_id)
    assert len(tenant.orders().json()["items"]) == 1


def test_requests_at_the_same_moment_give_one_order(tenant: Tenant) -> None:
    body, headers = tenant.body(), {"Idempotency-Key": str(uuid4())}
    with ThreadPoolExecutor(max_workers=5) as pool:
        answers = list(pool.map(lambda _: tenant.call("POST", "/v1.0/orders", json=body, headers=headers), range(5)))
    # One that comes while the first is being handled is told to come again (409).
    assert {answer.status_code for answer in answers} <= {202, 409}
    (order_id,) = {answer.json()["orderId"] for answer in answers if answer.status_code == 202}
    tenant.recorded(order_id)
    assert len(tenant.orders().json()["items"]) == 1


def test_the_same_key_with_another_body_is_refused(tenant: Tenant) -> None:
    body, headers = tenant.body(), {"Idempotency-Key": str(uuid4())}
    first = tenant.call("POST", "/v1.0/orders", json=body, headers=headers)
    second = tenant.call("POST", "/v1.0/orders", json={**body, "paymentMethod": "CARD"}, headers=headers)
    assert (first.status_code, second.status_code) == (202, 422)
    assert second.headers["Content-Type"] == "application/problem+json"
    assert tenant.recorded(first.json()["orderId"])["paymentMethod"] == "EFT"


def test_a_key_is_its_tenants_own(make_tenant: Callable[[], Tenant]) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    ids = set()
    for tenant in (make_tenant(), make_tenant()):
        answer = tenant.call("POST", "/v1.0/orders", json=tenant.body(), headers=headers)
        assert answer.status_code == 202
        ids.add(answer.json()["orderId"])
    assert len(ids) == 2


def test_without_a_key_each_request_is_an_order(tenant: Tenant) -> None:
    body = tenant.body()
    ids = {tenant.call("POST", "/v1.0/orders", json=body).json()["orderId"] for _ in range(2)}
    assert len(ids) == 2
    poll("both orders in the list", lambda: len(tenant.orders().json()["items"]) == 2 or None, 90)


def test_a_key_that_no_header_should_hold_is_refused(tenant: Tenant) -> None:
    answer = tenant.call("POST", "/v1.0/orders", json=tenant.body(), headers={"Idempotency-Key": "k" * 256})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "Idempotency-Key", "detail": "must be 1 to 255 visible ASCII characters"}
    ]
