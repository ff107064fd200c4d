"""A hundred orders from ten clients at once."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from e2e.queues import counts, drain
from e2e.tenant import Tenant
from tests.support.evidence_plugin import OrderTimer
from tooling.order_client import OrderClient
from tooling.polling import poll

CLIENTS = 10
ORDERS = 100
_DEADLINE_SECONDS = 300

pytestmark = [pytest.mark.alone, pytest.mark.timed, pytest.mark.sidecars, pytest.mark.load("100 concurrent orders")]


def test_burst_is_handled_once_each(tenant: Tenant, timer: OrderTimer) -> None:
    """Each of a hundred orders, ten of them repeated, has one number, one invoice and its two mails."""
    platform = tenant.platform
    drain(platform, _DEADLINE_SECONDS)
    dlqs = list(platform.outputs["dlq_names"].values())
    in_dlqs_before = counts(platform, dlqs)
    body = tenant.body()
    # Each client repeats its own first order, which is accepted by then: of one still being handled the API says 409.
    numbers = [*range(ORDERS), *range(CLIENTS)]
    accepted: list[tuple[int, str]] = []

    def client(share: list[int]) -> None:
        with OrderClient(
            platform.api_url, tenant.tokens["IdToken"], trust_env=platform.target != "local", timeout=60
        ) as api:
            for number in share:
                key, sent_at = f"{tenant.id}-{number}", time.time()
                order_id, seconds = api.place(body, idempotency_key=key, correlation_id=key)
                timer.accepted(key, sent_at, seconds)
                timer.add_key(key, order_id)
                # Looked up in the list once a second, so a measured time is up to a second too long.
                timer.checked(order_id, "recorded", False, sent_at)
                timer.checked(order_id, "invoice", False, sent_at)
                accepted.append((number, order_id))

    def all_invoiced(clients: list[Future[None]]) -> bool | None:
        for one in clients:
            if one.done():
                one.result()
        started_at, items = time.time(), tenant.orders(pageSize=100).json()["items"]
        invoiced = [item for item in items if "invoiceKey" in item]
        for item in items:
            timer.checked(item["id"], "recorded", True, started_at)
        for item in invoiced:
            timer.checked(item["id"], "invoice", True, started_at)
        return len(invoiced) >= ORDERS or None

    with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        clients = [pool.submit(client, numbers[start::CLIENTS]) for start in range(CLIENTS)]
        what = f"{ORDERS} orders with invoices"
        poll(what, lambda: all_invoiced(clients), _DEADLINE_SECONDS, interval=1)
    for one in clients:
        one.result()
    assert len(accepted) == ORDERS + CLIENTS
    assert len(set(accepted)) == ORDERS, "a repeated request created another order"
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
    assert counts(platform, dlqs) == in_dlqs_before
