"""The four API functions on real tables, queues and topics."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from common import clients
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings
from common.status import OrderStatus
from functions.create_order.handler import lambda_handler as create_order
from functions.get_order.handler import lambda_handler as get_order
from functions.list_orders.handler import lambda_handler as list_orders
from functions.update_order.handler import lambda_handler as update_order
from localstack.lambda_events import api_event, context
from release.openapi.contract import breaches
from tests.integration.conftest import Queue
from tests.support.samples import draft, order_request

pytestmark = pytest.mark.usefixtures("aws")

PAID = {
    "status": "PAID",
    "paymentDetails": {"method": "EFT", "transactionId": "tx-1", "paidAt": "2026-11-24T10:00:00Z"},
}


@pytest.fixture
def tenant_id() -> str:
    """A tenant of the test's own."""
    return f"tenant-{uuid4().hex[:8]}"


@pytest.fixture
def order(tenant_id: str) -> Order:
    """An order on record."""
    return OrderRepository(clients.dynamodb(), settings.orders_table).record(draft(tenant_id)).order


def call(handler: Callable[..., dict[str, Any]], *request: Any, **more: Any) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of a handler's answer, which is one that the OpenAPI document promises."""
    answer = handler(api_event(*request, **more), context())
    headers = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
    method, path = request
    assert breaches(method, path, answer["statusCode"], headers, answer["body"]) == []
    return answer["statusCode"], json.loads(answer["body"]), headers


class TestCreateOrder:
    def test_an_order_is_queued_for_the_callers_tenant(self, tenant_id: str, creation_queue: Queue) -> None:
        headers = {"x-correlation-id": "c-1"}
        status, body, answered = call(
            create_order, "POST", "/v1.0/orders", tenant_id=tenant_id, body=order_request(), headers=headers
        )
        message = creation_queue.take()
        assert status == 202
        assert answered["Location"] == f"orders/{body['orderId']}"
        assert answered["X-Correlation-Id"] == message["correlationId"] == "c-1"
        assert message["payload"]["orderId"] == body["orderId"]
        assert message["payload"]["tenantId"] == tenant_id
        assert message["payload"]["createdBy"] == "user-1"
        assert message["payload"]["order"]["cartId"] == "cart-1"

    def test_a_correlation_id_that_is_none_is_replaced(self, tenant_id: str, creation_queue: Queue) -> None:
        _, _, answered = call(
            create_order,
            *("POST", "/v1.0/orders"),
            tenant_id=tenant_id,
            body=order_request(),
            headers={"X-Correlation-Id": "a b\n"},
        )
        assert answered["X-Correlation-Id"] == creation_queue.take()["correlationId"] != "a b\n"

    def test_the_same_key_is_queued_once(self, tenant_id: str, creation_queue: Queue) -> None:
        request: Any = {"tenant_id": tenant_id, "headers": {"idempotency-key": str(uuid4())}}
        answers = [call(create_order, "POST", "/v1.0/orders", body=order_request(), **request) for _ in range(2)]
        assert answers[0][:2] == answers[1][:2]
        creation_queue.take()
        assert creation_queue.receive() == []
        status, _, _ = call(create_order, "POST", "/v1.0/orders", body=order_request(cartId="cart-2"), **request)
        assert status == 422
        assert creation_queue.receive() == []

    def test_bad_input_is_named_and_not_queued(self, tenant_id: str, creation_queue: Queue) -> None:
        status, body, headers = call(
            create_order, "POST", "/v1.0/orders", tenant_id=tenant_id, body=order_request(cartId=None, price=1)
        )
        assert status == 400
        assert headers["Content-Type"] == "application/problem+json"
        assert {error["field"] for error in body["errors"]} == {"cartId", "price"}
        assert creation_queue.receive() == []


class TestGetOrder:
    def test_the_owner_gets_it_with_its_etag(self, tenant_id: str, order: Order) -> None:
        status, body, headers = call(get_order, "GET", f"/v1.0/orders/{order.id}", tenant_id=tenant_id)
        assert (status, headers["ETag"]) == (200, '"1"')
        assert (body["id"], body["total"], body["orderNumber"]) == (str(order.id), "402.50", order.order_number)
        assert "GSI1_PK" not in body

    def test_an_admin_gets_any_and_a_stranger_none(self, order: Order) -> None:
        path = f"/v1.0/orders/{order.id}"
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups="admin")[0] == 200
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups="[staff admin]")[0] == 200
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups="administrators")[0] == 404
        assert call(get_order, "GET", path, tenant_id="tenant-x")[0] == 404
        assert call(get_order, "GET", path, tenant_id=None)[0] == 403

    def test_an_id_that_is_none_is_400(self) -> None:
        status, body, _ = call(get_order, "GET", "/v1.0/orders/x")
        assert (status, body["errors"]) == (400, [{"field": "orderId", "detail": "must be a UUID"}])


class TestListOrders:
    def test_pages_follow_each_other_newest_first(self, tenant_id: str) -> None:
        repository = OrderRepository(clients.dynamodb(), settings.orders_table)
        recorded = [str(repository.record(draft(tenant_id)).order.id) for _ in range(3)]
        path = f"/v1.0/tenants/{tenant_id}/orders"
        _, first, _ = call(list_orders, "GET", path, tenant_id=tenant_id, query={"pageSize": "2"})
        _, second, _ = call(
            list_orders, "GET", path, tenant_id=tenant_id, query={"pageSize": "2", "startAt": first["startAt"]}
        )
        assert (first["moreAvailable"], second["moreAvailable"]) == (True, False)
        assert "startAt" not in second
        assert sorted(item["id"] for page in (first, second) for item in page["items"]) == sorted(recorded)

    def test_a_status_narrows_and_a_wrong_one_is_named(self, tenant_id: str, order: Order) -> None:
        path = f"/v1.0/tenants/{tenant_id}/orders"
        _, found, _ = call(list_orders, "GET", path, tenant_id=tenant_id, query={"status": "PENDING_PAYMENT"})
        _, none, _ = call(list_orders, "GET", path, tenant_id=tenant_id, query={"status": "PAID"})
        assert ([item["id"] for item in found["items"]], none["items"]) == ([str(order.id)], [])
        assert call(list_orders, "GET", path, tenant_id=tenant_id, query={"status": "paid"})[0] == 400

    def test_another_tenants_list_is_for_admins(self, tenant_id: str) -> None:
        path = f"/v1.0/tenants/{tenant_id}/orders"
        assert call(list_orders, "GET", path, tenant_id="tenant-x")[0] == 403
        assert call(list_orders, "GET", path, tenant_id="tenant-x", groups="admin")[0] == 200


class TestUpdateOrder:
    def put(self, order: Order, change: dict[str, Any], etag: str | None = '"1"', **more: Any) -> Any:
        headers = {"if-match": etag} if etag else {}
        more = {"tenant_id": order.tenant_id, **more}
        return call(update_order, "PUT", f"/v1.0/orders/{order.id}", body=change, headers=headers, **more)

    def test_a_new_status_is_written_and_published(self, order: Order, events_seen: Queue) -> None:
        status, body, headers = self.put(order, PAID)
        event = events_seen.take()
        assert (status, headers["ETag"]) == (200, '"2"')
        assert (body["status"], body["previousStatus"]) == ("PAID", "PENDING_PAYMENT")
        assert body["paymentDetails"]["transactionId"] == "tx-1"
        assert event["eventType"] == "OrderStatusChanged"
        assert event["payload"]["fromStatus"] == "PENDING_PAYMENT"
        assert event["payload"]["toStatus"] == OrderStatus.PAID

    def test_the_same_change_again_is_published_again_under_the_same_id(self, order: Order, events_seen: Queue) -> None:
        self.put(order, PAID)
        assert self.put(order, PAID)[0] == 200
        assert events_seen.take()["messageId"] == events_seen.take()["messageId"]

    def test_a_change_whose_answer_was_lost_is_published(
        self, order: Order, events_seen: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = OrderRepository.update

        def write_and_lose_the_answer(*given: Any, **changes: Any) -> Order:
            write(*given, **changes)
            # What the SDK's second try is told.
            return write(*given, **changes)

        monkeypatch.setattr(OrderRepository, "update", write_and_lose_the_answer)
        status, _, headers = self.put(order, PAID)
        assert (status, headers["ETag"]) == (200, '"2"')
        assert events_seen.take()["payload"]["toStatus"] == OrderStatus.PAID

    def test_a_stale_version_is_409_and_silent(self, order: Order, events_seen: Queue) -> None:
        self.put(order, PAID)
        events_seen.take()
        assert self.put(order, {"status": "CANCELLED"})[0] == 409
        assert self.put(order, {"status": "CANCELLED"}, etag='"7"')[0] == 409
        assert events_seen.receive() == []

    def test_payment_details_alone_are_no_event(self, order: Order, events_seen: Queue) -> None:
        status, body, _ = self.put(order, {"paymentDetails": PAID["paymentDetails"]})
        assert (status, body["status"], body["version"]) == (200, "PENDING_PAYMENT", 2)
        assert events_seen.receive() == []

    @pytest.mark.parametrize(
        "change", [{"status": "COMPLETED"}, {"status": "PENDING_PAYMENT"}, {**PAID, "status": "CANCELLED"}]
    )
    def test_what_the_status_machine_refuses_is_409(self, order: Order, change: dict[str, Any]) -> None:
        status, body, _ = self.put(order, change)
        assert status == 409
        assert "PENDING_PAYMENT" in body["detail"]

    def test_if_match_and_ownership_are_checked(self, order: Order) -> None:
        assert self.put(order, PAID, etag=None)[0] == 428
        assert self.put(order, PAID, etag="x")[0] == 400
        assert self.put(order, PAID, tenant_id="tenant-x")[0] == 404
        assert self.put(order, PAID, tenant_id="tenant-x", groups="admin")[0] == 200
