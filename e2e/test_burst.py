"""A hundred orders at once (R3, R8)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from e2e.platform import Platform
from e2e.queues import counts
from e2e.tenant import Tenant
from localstack.waiting import poll

CLIENTS = 10
ORDERS = 100
REPEATED = 10
_DEADLINE_SECONDS = 240

pytestmark = [pytest.mark.alone, pytest.mark.sidecars]


def _queues_empty(platform: Platform) -> bool | None:
    return not any(counts(platform, list(platform.outputs["queue_names"].values())).values()) or None


def test_a_hundred_orders_from_ten_clients_are_each_handled_once(tenant: Tenant) -> None:
    platform = tenant.platform
    poll("queues empty before the burst", lambda: _queues_empty(platform), _DEADLINE_SECONDS)
    dlqs = list(platform.outputs["dlq_names"].values())
    set_aside = counts(platform, dlqs)
    body = tenant.body()
    numbers = [*range(ORDERS), *range(0, ORDERS, ORDERS // REPEATED)]

    def client(share: list[int]) -> list[tuple[int, str]]:
        accepted = []
        with requests.Session() as http:
            http.headers["Authorization"] = f"Bearer {tenant.tokens['IdToken']}"
            for number in share:
                key = f"{tenant.id}-{number}"
                headers = {"Idempotency-Key": key, "X-Correlation-Id": key}
                answer = http.post(f"{platform.api_url}/v1.0/orders", json=body, headers=headers, timeout=60)
                assert answer.status_code == 202, answer.text
                accepted.append((number, answer.json()["orderId"]))
        return accepted

    with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        shares = [numbers[start::CLIENTS] for start in range(CLIENTS)]
        accepted = [pair for pairs in pool.map(client, shares) for pair in pairs]
    assert len(accepted) == ORDERS + REPEATED
    assert len(set(accepted)) == ORDERS, "a repeated request got another order"

    def all_invoiced() -> list[dict[str, str]] | None:
        items: list[dict[str, str]] = tenant.orders(pageSize=100).json()["items"]
        return items if sum("invoiceKey" in item for item in items) >= ORDERS else None

    poll(f"{ORDERS} orders with invoices", all_invoiced, _DEADLINE_SECONDS, interval=1)
    poll("queues empty after the burst", lambda: _queues_empty(platform), _DEADLINE_SECONDS)

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
