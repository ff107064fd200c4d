"""Failures are retried, moved to a DLQ and redriven, and delay no other order."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from e2e.queues import FunctionQueue
from e2e.tenant import Tenant, cart_outage

pytestmark = pytest.mark.load("held up")


def creation_message(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    """A creation message as create_order sends it."""
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
def test_order_during_cart_outage_is_recorded_later(tenant: Tenant) -> None:
    """An order placed while the Cart service is down is recorded once the Cart service is back."""
    cart_id = tenant.put_cart()
    with cart_outage(tenant, cart_id) as wait_until_refused:
        order_id = tenant.place(cartId=cart_id)
        wait_until_refused()
        response = tenant.get(order_id)
        assert (response.status_code, response.headers["Retry-After"]) == (202, "1")
    assert tenant.recorded(order_id)["id"] == order_id


@pytest.mark.sidecars
def test_order_in_the_dlq_is_recorded_after_redrive(tenant: Tenant) -> None:
    """An order whose cart the service may not read goes to the DLQ, and is recorded once after a redrive."""
    cart_id = tenant.put_cart([{"productId": "p-1", "name": "Mug", "quantity": 1, "unitPrice": "89.00"}])
    queue = FunctionQueue(tenant.platform, "order_creator_record")
    with cart_outage(tenant, cart_id, status=403):
        order_id = tenant.place(cartId=cart_id)
        with queue.dlq_message(order_id) as body:
            # A person who forgets the DLQ can still see that the order was accepted.
            assert tenant.get(order_id).json() == {"orderId": order_id, "status": "ACCEPTED"}
    queue.send([body])
    assert tenant.recorded(order_id)["total"] == "102.35"
    # A second redrive by mistake makes no second order.
    queue.send([body])
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
def test_malformed_message_delays_no_other(tenant: Tenant, poison: str) -> None:
    """A malformed message goes to the DLQ, and every other order of its batch is recorded."""
    marker = f"poison-{uuid4()}"
    good = [creation_message(tenant) for _ in range(9)]
    bodies = [json.dumps(message) for message in good]
    queue = FunctionQueue(tenant.platform, "order_creator_record")
    queue.send([*bodies[:4], f"{poison} {' ' * 20}{marker}", *bodies[4:]])
    for message in good:
        tenant.recorded(message["payload"]["orderId"])
    with queue.dlq_message(marker) as body:
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
def test_unknown_message_is_kept_in_the_dlq(tenant: Tenant, changes: dict[str, Any]) -> None:
    """A message of an unknown version, type or content is kept in the DLQ, unchanged."""
    message = creation_message(tenant, **changes)
    queue = FunctionQueue(tenant.platform, "order_creator_record")
    queue.send([json.dumps(message)])
    with queue.dlq_message(message["messageId"]) as body:
        assert json.loads(body) == message
    assert tenant.orders().json()["items"] == []
