"""A hundred orders at once (R3, R8)."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import requests

from e2e.queues import counts, drain
from e2e.tenant import Tenant
from evidence.collect import OrderTimer
from tooling.polling import poll

CLIENTS = 10
ORDERS = 100
REPEATED = 10
_DEADLINE_SECONDS = 300

pytestmark = [pytest.mark.alone, pytest.mark.timed, pytest.mark.sidecars, pytest.mark.load("100 concurrent orders")]


def test_a_hundred_orders_from_ten_clients_are_each_handled_once(tenant: Tenant, timer: OrderTimer) -> None:
    platform = tenant.platform
    drain(platform, _DEADLINE_SECONDS)
    dlqs = list(platform.outputs["dlq_names"].values())
    set_aside = counts(platform, dlqs)
    body = tenant.body()
    numbers = [*range(ORDERS), *range(0, ORDERS, ORDERS // REPEATED)]
    accepted: list[tuple[int, str]] = []

    def client(share: list[int]) -> None:
        with requests.Session() as http:
            http.headers["Authorization"] = f"Bearer {tenant.tokens['IdToken']}"
            for number in share:
                key = f"{tenant.id}-{number}"
                headers, asked = {"Idempotency-Key": key, "X-Correlation-Id": key}, time.time()
                answer = http.post(f"{platform.api_url}/v1.0/orders", json=body, headers=headers, timeout=60)
                assert answer.status_code == 202, answer.text
                order_id = answer.json()["orderId"]
                timer.accepted(key, asked, answer.elapsed.total_seconds())
                timer.add_key(key, order_id)
                # Found by the list once a second: a time is up to that much too long.
                timer.checked(order_id, "recorded", False, asked)
                timer.checked(order_id, "invoice", False, asked)
                accepted.append((number, order_id))

    def all_invoiced(clients: list[Future[None]]) -> bool | None:
        for one in clients:
            if one.done():
                one.result()
        began, items = time.time(), tenant.orders(pageSize=100).json()["items"]
        invoiced = [item for item in items if "invoiceKey" in item]
        for item in items:
            timer.checked(item["id"], "recorded", True, began)
        for item in invoiced:
            timer.checked(item["id"], "invoice", True, began)
        return len(invoiced) >= ORDERS or None

    with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        clients = [pool.submit(client, numbers[start::CLIENTS]) for start in range(CLIENTS)]
        what = f"{ORDERS} orders with invoices"
        poll(what, lambda: all_invoiced(clients), _DEADLINE_SECONDS, interval=1)
    for one in clients:
        one.result()
    assert len(accepted) == ORDERS + REPEATED
    assert len(set(accepted)) == ORDERS, "a repeated request got another order"
    drain(platform, _DEADLINE_SECONDS)

    page = tenant.orders(pageSize=100).json()
    assert page["moreAvailable"] is False
    assert {item["id"] for item in page["items"]} == {order_id for _, order_id in accepted}
    sequence = sorted(int(item["orderNumber"].rsplit("-", 1)[1]) for item in page["items"])
    assert sequence == list(range(sequence[0], sequence[0] + ORDERS))

    # Versions, not objects: an invoice written twice would be one object and two versions.
    versions = platform.aws.s3.list_object_versions(
        Bucket=platform.outputs["orders_bucket"], Prefix=f"{tenant.id}/orders/"
    )["Versions"]
    assert len(versions) == ORDERS
    for number in range(ORDERS):
        mails = tenant.mails(f"{tenant.id}-{number}", 2)
        assert sorted(mail["To"] for mail in mails) == sorted([tenant.email, "orders@kimmyai.io"])
    assert counts(platform, dlqs) == set_aside
