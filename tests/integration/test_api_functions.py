"""The four API functions on real tables, queues and topics."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import requests

from common import clients
from common.order import Order
from common.repository import OrderRepository
from common.settings import settings
from common.status import OrderStatus
from functions.create_order import service as create_service
from functions.create_order.handler import lambda_handler as create_order
from functions.get_order.handler import lambda_handler as get_order
from functions.list_orders.handler import lambda_handler as list_orders
from functions.update_order.handler import lambda_handler as update_order
from localstack.aws import Aws
from tests.integration.conftest import Queue
from tests.support.contract import breaches
from tests.support.lambda_events import api_event, context
from tests.support.records import record, reject
from tests.support.samples import draft, order_request, rejected_order

pytestmark = pytest.mark.usefixtures("aws")

PAID = {
    "status": "PAID",
    "paymentDetails": {"method": "EFT", "transactionId": "tx-1", "paidAt": "2026-11-24T10:00:00Z"},
}


@pytest.fixture
def tenant_id() -> str:
    """A tenant that only this test uses."""
    return f"tenant-{uuid4().hex[:8]}"


@pytest.fixture
def order(tenant_id: str) -> Order:
    """An order on record."""
    return record(draft(tenant_id)).order


def call(handler: Callable[..., dict[str, Any]], *request: Any, **more: Any) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of a handler's response, which must be as the OpenAPI document says."""
    response = handler(api_event(*request, **more), context())
    headers = {name: values[0] for name, values in response["multiValueHeaders"].items()}
    method, path = request
    assert breaches(method, path, response["statusCode"], headers, response["body"]) == []
    return response["statusCode"], json.loads(response["body"] or "null"), headers


class TestCreateOrder:
    def test_create_order_is_queued(self, tenant_id: str, creation_queue: Queue) -> None:
        """An accepted order is queued for the tenant of the caller."""
        headers = {"x-correlation-id": "c-1"}
        status, body, received = call(
            create_order, "POST", "/v1.0/orders", tenant_id=tenant_id, body=order_request(), headers=headers
        )
        message = creation_queue.take()
        assert status == 202
        assert received["Location"] == f"orders/{body['orderId']}"
        assert received["X-Correlation-Id"] == message["correlationId"] == "c-1"
        assert message["payload"]["orderId"] == body["orderId"]
        assert message["payload"]["tenantId"] == tenant_id
        assert message["payload"]["createdBy"] == "user-1"
        assert message["payload"]["order"]["cartId"] == "cart-1"

    def test_create_order_is_shown_as_accepted(self, tenant_id: str, creation_queue: Queue, events_seen: Queue) -> None:
        """An accepted order is 202 with Retry-After until it is recorded, for its tenant only, and unchangeable."""
        _, body, _ = call(create_order, "POST", "/v1.0/orders", tenant_id=tenant_id, body=order_request())
        path, change = f"/v1.0/orders/{body['orderId']}", {"status": "CANCELLED"}
        for caller in ({}, {"groups": "admin"}):
            status, found, headers = call(get_order, "GET", path, tenant_id=tenant_id, **caller)
            assert (status, found, headers["Retry-After"]) == (202, {**body, "status": "ACCEPTED"}, "1")
            status, _, headers = call(
                update_order, "PUT", path, tenant_id=tenant_id, body=change, headers={"if-match": '"1"'}, **caller
            )
            assert (status, headers["Retry-After"]) == (409, "1")
        assert call(get_order, "GET", path, tenant_id="tenant-x")[0] == 404
        _, page, _ = call(list_orders, "GET", f"/v1.0/tenants/{tenant_id}/orders", tenant_id=tenant_id)
        assert page["items"] == []
        assert events_seen.receive() == []

    def test_create_order_is_accepted_without_marker(
        self, tenant_id: str, creation_queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An order is accepted although its acceptance cannot be shown: it is queued already."""
        monkeypatch.setattr(create_service, "_repository", OrderRepository(clients.dynamodb(), "no-such-table"))
        status, body, _ = call(create_order, "POST", "/v1.0/orders", tenant_id=tenant_id, body=order_request())
        assert (status, creation_queue.take()["payload"]["orderId"]) == (202, body["orderId"])

    def test_create_invalid_correlation_id_is_replaced(self, tenant_id: str, creation_queue: Queue) -> None:
        """An invalid correlation id is replaced."""
        _, _, received = call(
            create_order,
            *("POST", "/v1.0/orders"),
            tenant_id=tenant_id,
            body=order_request(),
            headers={"X-Correlation-Id": "a b\n"},
        )
        assert received["X-Correlation-Id"] == creation_queue.take()["correlationId"] != "a b\n"

    def test_create_repeated_key_is_queued_once(self, tenant_id: str, creation_queue: Queue) -> None:
        """Requests with the same idempotency key are queued once; another body is 422."""
        request: Any = {"tenant_id": tenant_id, "headers": {"idempotency-key": str(uuid4())}}
        responses = [call(create_order, "POST", "/v1.0/orders", body=order_request(), **request) for _ in range(2)]
        assert responses[0][:2] == responses[1][:2]
        creation_queue.take()
        assert creation_queue.receive() == []
        status, _, _ = call(create_order, "POST", "/v1.0/orders", body=order_request(cartId="cart-2"), **request)
        assert status == 422
        assert creation_queue.receive() == []

    def test_create_quoted_key_is_same_key(self, tenant_id: str, creation_queue: Queue) -> None:
        """A key with the quotes of a structured field and without them is one key."""
        key = str(uuid4())
        ids = {
            call(
                create_order,
                *("POST", "/v1.0/orders"),
                tenant_id=tenant_id,
                body=order_request(),
                headers={"Idempotency-Key": given},
            )[1]["orderId"]
            for given in (key, f'"{key}"')
        }
        assert len(ids) == 1
        creation_queue.take()
        assert creation_queue.receive() == []

    def test_create_invalid_order_is_400(self, tenant_id: str, creation_queue: Queue) -> None:
        """An invalid order is 400 with the fields named, and is not queued."""
        status, body, headers = call(
            create_order, "POST", "/v1.0/orders", tenant_id=tenant_id, body=order_request(cartId=None, price=1)
        )
        assert status == 400
        assert headers["Content-Type"] == "application/problem+json"
        assert {error["field"] for error in body["errors"]} == {"cartId", "price"}
        assert creation_queue.receive() == []


class TestGetOrder:
    def test_get_by_owner_has_etag(self, tenant_id: str, order: Order) -> None:
        """The owner gets the order with its ETag."""
        status, body, headers = call(get_order, "GET", f"/v1.0/orders/{order.id}", tenant_id=tenant_id)
        assert (status, headers["ETag"]) == (200, '"1"')
        assert (body["id"], body["total"], body["orderNumber"]) == (str(order.id), "402.50", order.order_number)
        assert "GSI1_PK" not in body

    def test_get_by_other_tenant_is_404(self, order: Order) -> None:
        """An admin gets the order; for other tenants it is 404."""
        path = f"/v1.0/orders/{order.id}"
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups=("admin",))[0] == 200
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups=("staff", "admin"))[0] == 200
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups=("administrators",))[0] == 404
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups=("support,admin",))[0] == 404
        assert call(get_order, "GET", path, tenant_id="tenant-x")[0] == 404
        assert call(get_order, "GET", path, tenant_id=None)[0] == 403

    def test_get_rejected_order_has_reason(self, tenant_id: str) -> None:
        """A rejected order has its reason and neither number nor price, and is found by its status."""
        rejected = reject(rejected_order(tenant_id=tenant_id))
        path = f"/v1.0/orders/{rejected.order.id}"
        status, body, headers = call(get_order, "GET", path, tenant_id=tenant_id)
        assert (status, headers["ETag"], body["status"], body["items"]) == (200, '"1"', "REJECTED", [])
        assert body["rejection"]["code"] == "CART_NOT_FOUND"
        assert body["rejection"]["detail"].endswith(".")
        assert not {"orderNumber", "invoiceKey"} & body.keys()
        path = f"/v1.0/tenants/{tenant_id}/orders"
        _, page, _ = call(list_orders, "GET", path, tenant_id=tenant_id, query={"status": "REJECTED"})
        del body["history"]
        assert page["items"] == [body]

    def test_get_invalid_id_is_400(self) -> None:
        """An invalid order id is 400."""
        status, body, _ = call(get_order, "GET", "/v1.0/orders/x")
        assert (status, body["errors"]) == (400, [{"field": "orderId", "detail": "must be a UUID"}])


class TestGetInvoice:
    @pytest.fixture
    def invoiced(self, aws: Aws, order: Order) -> Order:
        """The order, with its invoice."""
        key = f"{order.tenant_id}/orders/order_{order.id}.pdf"
        aws.s3.put_object(Bucket=settings.orders_bucket, Key=key, Body=b"%PDF-1.7", ContentType="application/pdf")
        OrderRepository(clients.dynamodb(), settings.orders_table).set_invoice_key(order.tenant_id, order.id, key)
        return order

    def test_get_invoice_redirects_to_file(self, invoiced: Order) -> None:
        """The owner is redirected to a URL that gives the PDF under its order number, to anyone for five minutes."""
        path = f"/v1.0/orders/{invoiced.id}/invoice"
        status, body, headers = call(get_order, "GET", path, tenant_id=invoiced.tenant_id)
        assert (status, body, headers["Cache-Control"]) == (302, None, "no-store")
        query = parse_qs(urlsplit(headers["Location"]).query)
        assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["300"])
        response = requests.get(headers["Location"], timeout=30)
        assert (response.status_code, response.content) == (200, b"%PDF-1.7")
        assert response.headers["Content-Type"] == "application/pdf"
        assert response.headers["Content-Disposition"] == f'attachment; filename="{invoiced.order_number}.pdf"'
        assert response.headers["Cache-Control"] == "no-store"

    def test_get_invoice_not_ready_is_409(self, order: Order) -> None:
        """Until the invoice is stored, the response says when to try again."""
        status, body, headers = call(get_order, "GET", f"/v1.0/orders/{order.id}/invoice", tenant_id=order.tenant_id)
        assert (status, headers["Retry-After"]) == (409, "2")
        assert body["detail"] == "The invoice is not ready yet. Try again in a moment."

    def test_get_invoice_of_rejected_order_is_404(self, tenant_id: str) -> None:
        """A rejected order never gets an invoice: the response says so, and not to try again."""
        order = reject(rejected_order(tenant_id=tenant_id)).order
        status, body, headers = call(get_order, "GET", f"/v1.0/orders/{order.id}/invoice", tenant_id=tenant_id)
        assert (status, body["detail"]) == (404, "The order was rejected, so it has no invoice.")
        assert "Retry-After" not in headers

    def test_get_invoice_by_other_tenant_is_404(self, invoiced: Order) -> None:
        """An admin gets the invoice; for other tenants it is 404, as is that of an unknown order."""
        path = f"/v1.0/orders/{invoiced.id}/invoice"
        assert call(get_order, "GET", path, tenant_id="tenant-x", groups=("admin",))[0] == 302
        assert call(get_order, "GET", path, tenant_id="tenant-x")[0] == 404
        assert call(get_order, "GET", f"/v1.0/orders/{uuid4()}/invoice", tenant_id=invoiced.tenant_id)[0] == 404


class TestListOrders:
    def test_list_pages_have_every_order_once(self, tenant_id: str) -> None:
        """Every order is on one page, in whatever page size."""
        recorded = [str(record(draft(tenant_id)).order.id) for _ in range(3)]
        path = f"/v1.0/tenants/{tenant_id}/orders"
        _, first, _ = call(list_orders, "GET", path, tenant_id=tenant_id, query={"pageSize": "2"})
        _, second, _ = call(
            list_orders, "GET", path, tenant_id=tenant_id, query={"pageSize": "2", "startAt": first["startAt"]}
        )
        assert (first["moreAvailable"], second["moreAvailable"]) == (True, False)
        assert "startAt" not in second
        assert sorted(item["id"] for page in (first, second) for item in page["items"]) == sorted(recorded)

    def test_list_filter_by_status(self, tenant_id: str, order: Order) -> None:
        """The list can be filtered by status; an unknown status is 400."""
        path = f"/v1.0/tenants/{tenant_id}/orders"
        _, found, _ = call(list_orders, "GET", path, tenant_id=tenant_id, query={"status": "PENDING_PAYMENT"})
        _, none, _ = call(list_orders, "GET", path, tenant_id=tenant_id, query={"status": "PAID"})
        assert ([item["id"] for item in found["items"]], none["items"]) == ([str(order.id)], [])
        assert call(list_orders, "GET", path, tenant_id=tenant_id, query={"status": "paid"})[0] == 400

    def test_list_of_other_tenant_is_403(self, tenant_id: str) -> None:
        """Another tenant's list is 403, except for admins."""
        path = f"/v1.0/tenants/{tenant_id}/orders"
        assert call(list_orders, "GET", path, tenant_id="tenant-x")[0] == 403
        assert call(list_orders, "GET", path, tenant_id="tenant-x", groups=("admin",))[0] == 200


class TestUpdateOrder:
    def put(self, order: Order, change: dict[str, Any], etag: str | None = '"1"', **more: Any) -> Any:
        headers = {"if-match": etag} if etag else {}
        more = {"tenant_id": order.tenant_id, **more}
        return call(update_order, "PUT", f"/v1.0/orders/{order.id}", body=change, headers=headers, **more)

    def test_update_status_is_stored_and_published(self, order: Order, events_seen: Queue) -> None:
        """A new status is stored and published."""
        status, body, headers = self.put(order, PAID)
        event = events_seen.take()
        assert (status, headers["ETag"]) == (200, '"2"')
        assert (body["status"], body["previousStatus"]) == ("PAID", "PENDING_PAYMENT")
        assert body["paymentDetails"]["transactionId"] == "tx-1"
        assert event["eventType"] == "OrderStatusChanged"
        assert event["payload"]["fromStatus"] == "PENDING_PAYMENT"
        assert event["payload"]["toStatus"] == OrderStatus.PAID

    def test_update_retry_is_published_with_same_id(self, order: Order, events_seen: Queue) -> None:
        """A retried change is published again with the same message id."""
        self.put(order, PAID)
        assert self.put(order, PAID)[0] == 200
        assert events_seen.take()["messageId"] == events_seen.take()["messageId"]

    def test_update_sdk_retry_is_published(
        self, order: Order, events_seen: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A change that the SDK wrote twice because a response was lost is published."""
        write = OrderRepository.update

        def write_and_lose_response(*given: Any, **changes: Any) -> Order:
            write(*given, **changes)
            # The retry of the SDK fails, because the first attempt was written.
            return write(*given, **changes)

        monkeypatch.setattr(OrderRepository, "update", write_and_lose_response)
        status, _, headers = self.put(order, PAID)
        assert (status, headers["ETag"]) == (200, '"2"')
        assert events_seen.take()["payload"]["toStatus"] == OrderStatus.PAID

    def test_update_stale_version_is_409(self, order: Order, events_seen: Queue) -> None:
        """A stale version is 409 and publishes nothing."""
        self.put(order, PAID)
        events_seen.take()
        assert self.put(order, {"status": "CANCELLED"})[0] == 409
        assert self.put(order, {"status": "CANCELLED"}, etag='"7"')[0] == 409
        assert events_seen.receive() == []

    def test_update_payment_only_publishes_nothing(self, order: Order, events_seen: Queue) -> None:
        """A change of payment details alone publishes nothing."""
        status, body, _ = self.put(order, {"paymentDetails": PAID["paymentDetails"]})
        assert (status, body["status"], body["version"]) == (200, "PENDING_PAYMENT", 2)
        assert events_seen.receive() == []

    @pytest.mark.parametrize(
        "change", [{"status": "COMPLETED"}, {"status": "PENDING_PAYMENT"}, {**PAID, "status": "CANCELLED"}]
    )
    def test_update_forbidden_change_is_409(self, order: Order, change: dict[str, Any]) -> None:
        """A change that the status machine does not allow is 409."""
        status, body, _ = self.put(order, change)
        assert status == 409
        assert "PENDING_PAYMENT" in body["detail"]

    def test_update_rejected_order_is_409(self, tenant_id: str, events_seen: Queue) -> None:
        """A rejected order cannot be changed, and no order can be rejected by a caller."""
        rejected = reject(rejected_order(tenant_id=tenant_id)).order
        for change in (PAID, {"paymentDetails": PAID["paymentDetails"]}, {"status": "CANCELLED"}):
            assert self.put(rejected, change)[0] == 409
        assert self.put(record(draft(tenant_id)).order, {"status": "REJECTED"})[0] == 409
        assert events_seen.receive() == []

    def test_update_is_kept_in_history(self, order: Order) -> None:
        """GET of an order shows who made which version when, and what it changed; lists do not."""
        self.put(order, PAID)
        _, changed, _ = self.put(order, {"status": "PROCESSING"}, etag='"2"')
        _, body, _ = call(get_order, "GET", f"/v1.0/orders/{order.id}", tenant_id=order.tenant_id)
        assert body["history"] == changed["history"]
        first, paid, processing = body["history"]
        assert first == {"version": 1, "at": body["dateCreated"], "by": "user-1", "status": "PENDING_PAYMENT"}
        assert (paid["version"], paid["status"]) == (2, "PAID")
        assert paid["paymentDetails"] == body["paymentDetails"]
        assert processing == {
            "version": 3,
            "at": body["dateLastUpdated"],
            "by": body["lastUpdatedBy"],
            "status": "PROCESSING",
        }
        path = f"/v1.0/tenants/{order.tenant_id}/orders"
        _, page, _ = call(list_orders, "GET", path, tenant_id=order.tenant_id)
        assert "history" not in page["items"][0]

    @pytest.mark.parametrize(
        ("etag", "status"),
        [
            ("*", 200),
            ('"7", "1"', 200),
            ('W/"7", "1"', 200),
            ('"abc","1"', 200),
            ('"1" ,, "2"', 200),
            ('W/"1"', 412),
            ('W/"1", W/"2"', 412),
            ('W/"1", "2"', 409),
            ('"01"', 409),
            ('"abc"', 409),
            ('""', 409),
            (None, 428),
            ("1", 400),
            ("", 400),
            ('*, "1"', 400),
            ('"1" "2"', 400),
            ('"1', 400),
        ],
    )
    def test_update_if_match_is_evaluated(self, order: Order, etag: str | None, status: int) -> None:
        """`*` and a list with the order's strong ETag match; weak ETags never do; all else is stale or malformed."""
        headers = {} if etag is None else {"If-Match": etag}
        path = f"/v1.0/orders/{order.id}"
        found, body, _ = call(update_order, "PUT", path, tenant_id=order.tenant_id, body=PAID, headers=headers)
        assert found == status, body

    def test_update_repeated_with_any_version_is_accepted(self, order: Order, events_seen: Queue) -> None:
        """A change repeated with `*` is recognised as a retry."""
        assert [self.put(order, PAID, etag="*")[0] for _ in range(2)] == [200, 200]
        assert events_seen.take()["messageId"] == events_seen.take()["messageId"]

    def test_update_checks_owner(self, order: Order) -> None:
        """The order is the tenant's own, except for an admin."""
        assert self.put(order, PAID, tenant_id="tenant-x")[0] == 404
        assert self.put(order, PAID, tenant_id="tenant-x", groups=("admin",))[0] == 200
