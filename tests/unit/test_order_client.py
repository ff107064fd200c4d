"""The client of the order API, against a server that the tests script."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tooling.order_client import OrderClient, UnexpectedStatusError
from tooling.polling import DeadlineError


class _Api:
    """Serves the scripted responses one after another (the last one for ever), and keeps the requests."""

    def __init__(self) -> None:
        self.responses: list[tuple[int, dict[str, Any]]] = [(200, {})]
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api.requests.append((self.command, self.path, dict(self.headers), body))
                status, content = api.responses.pop(0) if len(api.responses) > 1 else api.responses[0]
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = _respond  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/local"


@pytest.fixture
def api() -> Iterator[_Api]:
    found = _Api()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def client(api: _Api) -> Iterator[OrderClient]:
    with OrderClient(api.url, "token-1") as found:
        yield found


def test_place_sends_token_key_and_correlation_id(api: _Api, client: OrderClient) -> None:
    """An order is placed with the user's token, the Idempotency-Key and the correlation id."""
    api.responses = [(202, {"orderId": "o-1"})]
    placed = client.place({"cartId": "c"}, idempotency_key="k", correlation_id="x")
    method, path, headers, body = api.requests[0]
    assert (placed.order_id, placed.seconds > 0) == ("o-1", True)
    assert (method, path, json.loads(body)) == ("POST", "/local/v1.0/orders", {"cartId": "c"})
    assert headers["Authorization"] == "Bearer token-1"
    assert (headers["Idempotency-Key"], headers["X-Correlation-Id"]) == ("k", "x")


def test_place_without_key_sends_none(api: _Api, client: OrderClient) -> None:
    """Headers without a value are not sent."""
    api.responses = [(202, {"orderId": "o-1"})]
    client.place({})
    assert not {"Idempotency-Key", "X-Correlation-Id"} & set(api.requests[0][2])


def test_place_refused_raises(api: _Api, client: OrderClient) -> None:
    """An order that the API refuses is an error with status and body."""
    api.responses = [(400, {"detail": "no cart"})]
    with pytest.raises(UnexpectedStatusError, match=r"POST /v1.0/orders: status 400, expected 202: .*no cart"):
        client.place({})


def test_request_without_token_sends_no_token(api: _Api, client: OrderClient) -> None:
    """None removes a header for one request only."""
    client.request("GET", "/v1.0/orders/o-1", headers={"Authorization": None})
    client.get("o-1")
    assert ["Authorization" in headers for _, _, headers, _ in api.requests] == [False, True]


def test_list_and_update_send_query_and_etag(api: _Api, client: OrderClient) -> None:
    """A page is requested with its query, a change with the ETag."""
    client.list_orders("t-1", pageSize=5)
    client.update("o-1", {"status": "PAID"}, '"1"', {"X-Correlation-Id": "x"})
    client.update("o-1", {}, None)
    assert api.requests[0][1] == "/local/v1.0/tenants/t-1/orders?pageSize=5"
    assert (api.requests[1][2]["If-Match"], api.requests[1][2]["X-Correlation-Id"]) == ('"1"', "x")
    assert "If-Match" not in api.requests[2][2]


def test_await_invoiced_waits_for_the_key(api: _Api, client: OrderClient) -> None:
    """404 means that the order is not recorded yet; without invoiceKey it has no invoice yet."""
    api.responses = [(404, {}), (404, {}), (200, {}), (200, {"invoiceKey": "k"})]
    assert client.await_invoiced("o-1") == {"invoiceKey": "k"}
    assert len(api.requests) == 4


def test_await_invoiced_stops_on_403(api: _Api, client: OrderClient) -> None:
    """Waiting does not help a caller who may not see the order."""
    api.responses = [(403, {})]
    with pytest.raises(UnexpectedStatusError, match="status 403"):
        client.await_invoiced("o-1")


def test_await_invoiced_stops_at_the_deadline(api: _Api, client: OrderClient) -> None:
    """The error names the order that had no invoice in time."""
    api.responses = [(404, {})]
    with pytest.raises(DeadlineError, match="invoice of order o-1"):
        client.await_invoiced("o-1", seconds=0.1)


def test_on_response_sees_each_response(api: _Api) -> None:
    """The hook is called before a status is judged, so that it can check every response."""
    seen: list[tuple[str, str, int]] = []

    def note(method: str, path: str, response: requests.Response) -> None:
        seen.append((method, path, response.status_code))

    api.responses = [(503, {})]
    with OrderClient(api.url, "t", on_response=note) as client, pytest.raises(UnexpectedStatusError):
        client.place({})
    assert seen == [("POST", "/v1.0/orders", 503)]
