"""The check of a Cart service before the end-to-end tests."""

import threading
from collections.abc import Iterator

import pytest

from localstack.sidecars.cart_stub import CartStub
from tests.support.cart_check import check_cart_service
from tooling.cli import UserError


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


def test_cart_service_that_is_down_is_named() -> None:
    """A service that does not respond is an error with its URL."""
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9 lacks .*\n- it must respond .*ConnectionError"):
        check_cart_service("http://127.0.0.1:9")
