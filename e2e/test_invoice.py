"""The customer's invoice: a redirect to the PDF for its tenant, and for nobody else."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page

from e2e.expected import is_problem
from e2e.tenant import Tenant
from tooling.polling import poll

# Follows the redirect as a page does: with its token, and from another origin than the API's.
FETCH = """
async ([url, token]) => {
    const response = await fetch(url, {headers: {Authorization: `Bearer ${token}`, "X-Correlation-Id": "page-1"}});
    return {status: response.status, type: response.headers.get("Content-Type"), text: await response.text()};
}
"""


def request_invoice(tenant: Tenant, order_id: str) -> requests.Response:
    """Request an invoice without following the redirect."""
    return tenant.call("GET", f"/v1.0/orders/{order_id}/invoice", allow_redirects=False)


def test_invoice_is_a_redirect_to_the_pdf(tenant: Tenant) -> None:
    """Once it is ready, the invoice is a redirect to a URL that needs no token; until then it is 409 or 404."""
    order_id = tenant.place()

    def attempt() -> requests.Response | None:
        response = request_invoice(tenant, order_id)
        if response.status_code == 302:
            return response
        assert is_problem(response, response.status_code)
        assert response.status_code == 404 or response.headers["Retry-After"] == "2"
        return None

    response = poll("the invoice", attempt, 90)
    assert response.headers["Cache-Control"] == "no-store"
    file = requests.get(response.headers["Location"], timeout=30)
    order = tenant.invoiced(order_id)
    assert file.content == tenant.invoice(order)
    assert file.headers["Content-Type"] == "application/pdf"
    assert file.headers["Content-Disposition"] == f'attachment; filename="{order["orderNumber"]}.pdf"'


def test_invoice_of_other_tenant_is_not_found(make_tenant: Callable[..., Tenant]) -> None:
    """Another tenant gets 404, and an administrator the invoice."""
    owner, other, admin = make_tenant(), make_tenant(), make_tenant(group="admin")
    order_id = owner.invoiced(owner.place())["id"]
    assert is_problem(request_invoice(other, order_id), 404)
    assert request_invoice(admin, order_id).status_code == 302


def test_altered_invoice_url_is_refused(tenant: Tenant) -> None:
    """The URL gives this one invoice: with another key it is refused."""
    location = request_invoice(tenant, tenant.invoiced(tenant.place())["id"]).headers["Location"]
    other = location.replace("/orders/order_", "/orders/order_0", 1)
    assert other != location
    assert requests.get(other, timeout=30).status_code == 403


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of an origin that may call the API, and is not the API's own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server, browser.new_context() as context:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = context.new_page()
        page.goto(f"http://localhost:{server.server_port}/")
        yield page
        server.shutdown()


@pytest.mark.sidecars
def test_page_downloads_the_invoice(tenant: Tenant, page: Page) -> None:
    """A page of another origin downloads the invoice with fetch, which follows the redirect."""
    order_id = tenant.invoiced(tenant.place())["id"]
    url = f"{tenant.platform.api_url}/v1.0/orders/{order_id}/invoice"
    with page.expect_request(lambda request: "X-Amz-Signature" in request.url) as request_to_s3:
        found: dict[str, Any] = page.evaluate(FETCH, [url, tenant.tokens["IdToken"]])
    assert (found["status"], found["type"], found["text"][:8]) == (200, "application/pdf", "%PDF-1.7")
    to_s3 = request_to_s3.value.all_headers()
    assert (to_s3.get("origin"), to_s3.get("authorization")) == ("null", None)
