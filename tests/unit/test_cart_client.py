"""The client of the Cart service: what it reads, and whether a failure is worth a retry."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from common.cart_client import CartClient
from common.errors import MalformedCampaignError, OrderRejectedError, PermanentError, RejectionCode, TransientError
from localstack.processes import free_port
from localstack.sidecars.cart_stub import CartStub

LINE = {"productId": "p-1", "name": "Mug", "quantity": 2, "unitPrice": "89.00", "colour": "green"}
CART = {
    "cartId": "cart-1",
    "tenantId": "tenant-a",
    "currency": "ZAR",
    "items": [LINE],
    "madeAt": "2026-11-24T10:00:00Z",
}


@pytest.fixture
def stub() -> Iterator[CartStub]:
    """A cart stub that is running."""
    server = CartStub(0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(stub: CartStub) -> CartClient:
    """A client of the stub."""
    return CartClient(f"http://127.0.0.1:{stub.server_port}/", read_timeout=2)


def test_cart_unknown_fields_are_ignored(stub: CartStub, client: CartClient) -> None:
    """A cart is read, and fields that are new are ignored."""
    stub.carts["cart-1"] = CART
    cart = client.cart("cart-1", "tenant-a")
    assert (cart.tenant_id, cart.items[0].quantity, str(cart.items[0].unit_price)) == ("tenant-a", 2, "89.00")


def test_campaign_missing_is_none(client: CartClient) -> None:
    """A campaign is read; one that does not exist is None."""
    campaign = client.campaign("SPRING10")
    assert campaign is not None
    assert campaign.discount_percent == 10
    assert client.campaign("NO-SUCH") is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"discountPercent": 101}, "discountPercent"),
        ({"validTo": "tomorrow"}, "validTo"),
        ({"name": "x" * 2**21}, "more than 2097152 bytes"),
    ],
    ids=["percent", "time", "bytes"],
)
def test_campaign_malformed_error_names_field(
    stub: CartStub, client: CartClient, changes: dict[str, Any], reason: str
) -> None:
    """A malformed campaign raises an error that names the field or the limit."""
    stub.campaigns["BROKEN"] = {**stub.campaigns["SPRING10"], "code": "BROKEN", **changes}
    with pytest.raises(MalformedCampaignError, match=reason):
        client.campaign("BROKEN")


def test_cart_missing_or_foreign_is_not_found(stub: CartStub, client: CartClient) -> None:
    """A cart of another tenant, malformed or not, is rejected with the words of one that does not exist or is gone."""
    stub.carts["cart-1"], stub.carts["cart-2"] = {**CART, "tenantId": "tenant-b"}, {"tenantId": "tenant-b"}
    stub.outages["cart-8"] = {"status": 410, "refused": 0}
    rejections = set()
    for cart_id in ("cart-1", "cart-2", "cart-8", "cart-9"):
        with pytest.raises(OrderRejectedError) as rejected:
            client.cart(cart_id, "tenant-a")
        rejections.add((rejected.value.code, rejected.value.detail))
        # Only the log says which it is.
        assert rejected.value.reason == f"cart {cart_id} " + (
            "does not exist" if cart_id in ("cart-8", "cart-9") else "is another tenant's"
        )
    assert {code for code, _ in rejections} == {RejectionCode.CART_NOT_FOUND}
    assert len(rejections) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, TransientError), (503, TransientError), (429, TransientError), (400, PermanentError), (302, PermanentError)],
)
def test_cart_status_decides_kind_of_error(
    stub: CartStub, client: CartClient, status: int, kind: type[Exception]
) -> None:
    """Server errors are transient, other statuses permanent."""
    stub.outages["cart-1"] = {"status": status, "refused": 0}
    with pytest.raises(kind, match=str(status)):
        client.cart("cart-1", "tenant-a")


def test_cart_no_connection_is_transient_error() -> None:
    """A service that cannot be reached is a transient error."""
    with pytest.raises(TransientError, match="NewConnectionError"):
        CartClient(f"http://127.0.0.1:{free_port()}").cart("cart-1", "tenant-a")


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("CART_EMPTY", {"items": []}),
        ("CART_INVALID", {"items": None}),
        ("CART_INVALID", {"currency": "rand"}),
        ("CART_INVALID", {"tenantId": None}),
        ("CART_INVALID", {"items": [{**LINE, "quantity": 0}]}),
        ("CART_INVALID", {"items": [{**LINE, "quantity": "2"}]}),
        ("CART_INVALID", {"items": [{**LINE, "unitPrice": "-1.00"}]}),
        ("CART_INVALID", {"items": [{**LINE, "unitPrice": "1.001"}]}),
        ("CART_INVALID", {"items": [{**LINE, "quantity": "2"}, {**LINE, "quantity": 100_001}]}),
        ("ORDER_TOO_LARGE", {"items": [{**LINE, "quantity": 100_001}]}),
        ("ORDER_TOO_LARGE", {"items": [{**LINE, "unitPrice": "1000000000000.00"}]}),
        ("ORDER_TOO_LARGE", {"items": [LINE] * 1_001}),
    ],
)
def test_cart_that_cannot_be_ordered_is_rejected(
    stub: CartStub, client: CartClient, code: str, changes: dict[str, Any]
) -> None:
    """A cart that is empty, malformed or over its limits rejects the order, and the log names the field."""
    stub.carts["cart-1"] = {name: value for name, value in {**CART, **changes}.items() if value is not None}
    with pytest.raises(OrderRejectedError, match=next(iter(changes))) as rejected:
        client.cart("cart-1", "tenant-a")
    assert rejected.value.code == code


@pytest.mark.parametrize(
    ("body", "encoding", "message", "kind"),
    [
        (b"<html>", "identity", "not JSON", PermanentError),
        (b"\xff", "identity", "not JSON", PermanentError),
        (gzip.compress(json.dumps(CART).encode() + b" " * 2**23), "gzip", "not JSON", PermanentError),
        (b"[" * 100_000, "identity", "CART_INVALID: .* too deep", OrderRejectedError),
        (b"9" * 100_000, "identity", "CART_INVALID: .* number is too long", OrderRejectedError),
        (b'[["a", 1], [null, 2]]', "identity", "CART_INVALID: .* must be an object", OrderRejectedError),
        (json.dumps("x" * 2**21).encode(), "identity", "ORDER_TOO_LARGE: .* more than", OrderRejectedError),
    ],
    ids=["HTML", "no UTF-8", "zip of 8 MB", "deep", "long number", "pairs", "too long"],
)
def test_cart_unreadable_is_refused(body: bytes, encoding: str, message: str, kind: type[Exception]) -> None:
    """A response that is not JSON is the platform's fault; JSON that cannot be a cart rejects the order."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Encoding", encoding)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(kind, match=message):
            CartClient(f"http://127.0.0.1:{server.server_port}").cart("cart-1", "tenant-a")
        thread.join()
