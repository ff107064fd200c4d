"""What fails is retried, set aside and put back; what is beside it is not held up (R4)."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from e2e.queues import DeadLetters
from e2e.tenant import DEADLINE_SECONDS, Tenant
from tooling.polling import poll

pytestmark = pytest.mark.load("held up")


def creation_message(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    """The message that create_order would send, written out from R4."""
    return {
        "messageId": str(uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "eventType": "OrderCreationRequested",
        "version": "1.0",
        "correlationId": f"e2e-{uuid4()}",
        "payload": {
            "orderId": str(uuid4()),
            "tenantId": tenant.id,
            "createdBy": "e2e",
            "order": tenant.body(),
        },
        **changes,
    }


@pytest.mark.sidecars
def test_an_order_waits_for_the_cart_service_to_come_back(tenant: Tenant) -> None:
    cart_id = tenant.put_cart()
    outage = f"{tenant.platform.cart_url}/control/outages/{cart_id}"
    tenant.http.put(outage, json={"status": 503}, timeout=10).raise_for_status()
    order_id = tenant.place(cartId=cart_id)

    def refused() -> bool | None:
        return tenant.http.get(outage, timeout=10).json()["refused"] > 0 or None

    poll("the Cart service asked and refusing", refused, DEADLINE_SECONDS)
    assert tenant.get(order_id).status_code == 404
    tenant.http.delete(outage, timeout=10).raise_for_status()
    assert tenant.recorded(order_id)["id"] == order_id


def test_an_order_without_a_cart_goes_to_the_dlq_and_is_recorded_after_redrive(tenant: Tenant) -> None:
    cart_id = f"cart-{uuid4().hex}"
    order_id = tenant.place(cartId=cart_id)
    dead_letters = DeadLetters(tenant.platform, "order_creator_record")
    with dead_letters.holding(order_id) as body:
        assert tenant.get(order_id).status_code == 404
    cart = {
        "cartId": cart_id,
        "tenantId": tenant.id,
        "currency": "ZAR",
        "items": [
            {"productId": "p-1", "name": "Mug", "quantity": 1, "unitPrice": "89.00"},
        ],
    }
    tenant.http.put(f"{tenant.platform.cart_url}/v1.0/carts/{cart_id}", json=cart, timeout=10).raise_for_status()
    dead_letters.send([body])
    assert tenant.recorded(order_id)["total"] == "102.35"
    # Redriven once more, by a hand too many, it is still one order.
    dead_letters.send([body])
    tenant.ordered()
    assert len(tenant.orders().json()["items"]) == 2


@pytest.mark.parametrize(
    "poison",
    [
        "not JSON",
        "[]",
        "{}",
        json.dumps({"version": "1.0"}),
        '{"payload": ' + "[" * 2_000 + "]" * 2_000 + "}",
    ],
    ids=["text", "list", "empty", "half", "deep"],
)
def test_one_poison_message_hurts_only_itself(tenant: Tenant, poison: str) -> None:
    marker = f"poison-{uuid4()}"
    good = [creation_message(tenant) for _ in range(9)]
    bodies = [json.dumps(message) for message in good]
    dead_letters = DeadLetters(tenant.platform, "order_creator_record")
    dead_letters.send([*bodies[:4], f"{poison} {' ' * 20}{marker}", *bodies[4:]])
    for message in good:
        tenant.recorded(message["payload"]["orderId"])
    with dead_letters.holding(marker) as body:
        assert body.startswith(poison)
    assert len(tenant.orders().json()["items"]) == 9


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "2.0"},
        {"eventType": "OrderEaten"},
        {"eventType": "OrderRecorded"},
        {"timestamp": "yesterday"},
        {"payload": {"orderId": "x"}},
    ],
    ids=["version", "type", "payload of another type", "timestamp", "payload"],
)
def test_a_message_that_is_not_understood_is_kept(tenant: Tenant, changes: dict[str, Any]) -> None:
    message = creation_message(tenant, **changes)
    dead_letters = DeadLetters(tenant.platform, "order_creator_record")
    dead_letters.send([json.dumps(message)])
    with dead_letters.holding(message["messageId"]) as body:
        assert json.loads(body) == message
    assert tenant.orders().json()["items"] == []
