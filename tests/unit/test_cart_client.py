"""The client of the Cart service: what it reads, and whether a failure is worth a retry."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from common.cart_client import CartClient
from common.errors import PermanentError, TransientError
from localstack.processes import free_port
from localstack.sidecars.cart_stub import CartStub

CART = {
    "cartId": "cart-1",
    "tenantId": "tenant-a",
    "currency": "ZAR",
    "items": [{"productId": "p-1", "name": "Mug", "quantity": 2, "unitPrice": "89.00", "colour": "green"}],
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
    cart = client.cart("cart-1")
    assert (cart.tenant_id, cart.items[0].quantity, str(cart.items[0].unit_price)) == ("tenant-a", 2, "89.00")


def test_campaign_missing_is_none(client: CartClient) -> None:
    """A campaign is read; one that does not exist is None."""
    campaign = client.campaign("SPRING10")
    assert campaign is not None
    assert campaign.discount_percent == 10
    assert client.campaign("NO-SUCH") is None


def test_cart_missing_is_permanent_error(client: CartClient) -> None:
    """A cart that does not exist is a permanent error."""
    with pytest.raises(PermanentError, match="cart-9 does not exist"):
        client.cart("cart-9")


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
        client.cart("cart-1")


def test_cart_no_connection_is_transient_error() -> None:
    """A service that cannot be reached is a transient error."""
    with pytest.raises(TransientError, match="NewConnectionError"):
        CartClient(f"http://127.0.0.1:{free_port()}").cart("cart-1")


@pytest.mark.parametrize(
    "changes",
    [
        {"items": []},
        {"items": None},
        {"currency": "USD"},
        {"tenantId": "a/b"},
        {"items": [{**CART["items"][0], "quantity": 0}]},  # type: ignore[dict-item]
        {"items": [{**CART["items"][0], "unitPrice": "-1.00"}]},  # type: ignore[dict-item]
        {"items": [{**CART["items"][0], "unitPrice": "1.001"}]},  # type: ignore[dict-item]
    ],
)
def test_cart_invalid_is_permanent_error(stub: CartStub, client: CartClient, changes: dict[str, Any]) -> None:
    """A response that is not a valid cart is a permanent error that names the field."""
    stub.carts["cart-1"] = {**CART, **changes}
    with pytest.raises(PermanentError, match=next(iter(changes))):
        client.cart("cart-1")


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (b"<html>", "identity", "not JSON"),
        (b"\xff", "identity", "not JSON"),
        (b"[" * 100_000, "identity", "not JSON"),
        (b"9" * 100_000, "identity", "not JSON"),
        (b'[["a", 1], [null, 2]]', "identity", "must be an object"),
        (json.dumps("x" * 2**21).encode(), "identity", "more than"),
        (gzip.compress(json.dumps(CART).encode() + b" " * 2**23), "gzip", "not JSON"),
    ],
    ids=["HTML", "no UTF-8", "deep", "long number", "pairs", "too long", "zip of 8 MB"],
)
def test_cart_unreadable_is_permanent_error(body: bytes, encoding: str, message: str) -> None:
    """A response that is not JSON, too deep, too long or compressed is a permanent error."""

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
        with pytest.raises(PermanentError, match=message):
            CartClient(f"http://127.0.0.1:{server.server_port}").cart("cart-1")
        thread.join()
