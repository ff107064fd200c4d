"""The check of a Cart service before the end-to-end tests."""

import ast
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from localstack.sidecars.cart_stub import CartStub
from tests.support.cart_check import check_cart_service
from tooling.cli import UserError
from tooling.paths import ROOT


@pytest.fixture
def stub() -> Iterator[CartStub]:
    """A Cart service with the fixtures, as locally."""
    server = CartStub(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def url(stub: CartStub) -> str:
    """The base URL of a stub."""
    return f"http://127.0.0.1:{stub.server_address[1]}"


def test_complete_cart_service_passes(stub: CartStub) -> None:
    """The local Cart service has what the tests need."""
    check_cart_service(url(stub))


def test_incomplete_cart_service_names_all_that_is_missing(stub: CartStub) -> None:
    """The error names each campaign that is missing, has another discount, or has not ended."""
    del stub.campaigns["SPRING10"]
    stub.campaigns["LOYAL25"]["discountPercent"] = "20"
    stub.campaigns["WINTER23"]["validTo"] = "2099-12-31T23:59:59Z"
    with pytest.raises(UserError) as refused:
        check_cart_service(url(stub))
    assert str(refused.value).splitlines()[1:] == [
        "- campaign SPRING10 must run, with 10 %",
        "- campaign LOYAL25 must run, with 25 %",
        "- campaign WINTER23 must exist and have ended",
        "See docs/release.md.",
    ]


def test_cart_service_with_prices_of_its_own_is_named(stub: CartStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that takes prices from a catalogue, and not from the cart, makes every total another one."""
    respond = stub.response

    def reprice(method: str, path: list[str], body: Any) -> tuple[int, Any]:
        status, cart = respond(method, path, body)
        if (method, path[1]) == ("GET", "carts"):
            cart = {**cart, "items": [{**item, "unitPrice": 2} for item in cart["items"]]}
        return status, cart

    monkeypatch.setattr(stub, "response", reprice)
    with pytest.raises(UserError, match="must return tenant, currency, names, quantities and prices as they were put"):
        check_cart_service(url(stub))


def test_tests_in_accounts_only_create_carts() -> None:
    """A test that needs more of the Cart service than the check looks for runs on the local stack only."""
    for path in sorted((ROOT / "e2e").glob("test_*.py")):
        content = ast.parse(path.read_text()).body
        if any(isinstance(node, ast.Assign) and "mark.sidecars" in ast.unparse(node) for node in content):
            continue
        for test in (node for node in content if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")):
            text = ast.unparse(test)
            assert "mark.sidecars" in text or not re.search("cart_url|cart_service|cart_outage", text), test.name


def test_cart_service_that_is_down_is_named() -> None:
    """A service that does not respond is an error with its URL."""
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9 lacks .*\n- it must respond .*ConnectionError"):
        check_cart_service("http://127.0.0.1:9")
