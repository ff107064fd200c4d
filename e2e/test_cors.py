"""Pages of the allowed origins can call the API from a browser, and pages of other origins cannot."""

import pytest
import requests

from e2e.tenant import Tenant
from localstack.targets import Platform

# env/local.tfvars allows every port of this machine; other environments name their portal.
pytestmark = pytest.mark.sidecars

ORIGIN = "http://localhost:5173"
OTHERS = ("https://evil.example", "null", "http://localhost:5173.evil.example", "https://localhost:5173")
EXPOSED = {"ETag", "Location", "Retry-After", "X-Correlation-Id"}
ORDER = "/v1.0/orders/6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11"
METHODS = {
    "/v1.0/orders": {"POST"},
    ORDER: {"GET", "PUT"},
    f"{ORDER}/invoice": {"GET"},
    "/v1.0/tenants/tenant-acme/orders": {"GET"},
    "/health": {"GET"},
}


def preflight(platform: Platform, path: str, origin: str, header: str = "Origin") -> requests.Response:
    """The response to the request that a browser sends before the real one: without a token."""
    headers = {header: origin, "Access-Control-Request-Method": "GET"}
    return requests.options(platform.api_url + path, headers=headers, timeout=30)


def words(response: requests.Response, header: str) -> set[str]:
    """The names in a header of a response."""
    return {word.strip() for word in response.headers.get(header, "").split(",")}


def permissions(response: requests.Response) -> str | None:
    """The origin whose pages may read a response; None if there is none."""
    return response.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize(("path", "methods"), METHODS.items())
def test_preflight_allows_methods_and_headers(platform: Platform, path: str, methods: set[str]) -> None:
    """Each path allows an allowed origin its methods and the request headers of the API."""
    response = preflight(platform, path, ORIGIN)
    assert (response.status_code, response.content, permissions(response)) == (204, b"", ORIGIN)
    assert words(response, "Access-Control-Allow-Methods") == methods
    allowed = {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Correlation-Id"}
    assert words(response, "Access-Control-Allow-Headers") == allowed
    assert response.headers["Access-Control-Max-Age"] == "7200"
    assert "Origin" in words(response, "Vary")
    # HTTP/2 writes names of headers in lower case.
    assert permissions(preflight(platform, path, ORIGIN, "origin")) == ORIGIN


@pytest.mark.parametrize("origin", OTHERS)
def test_preflight_of_other_origin_allows_nothing(platform: Platform, origin: str) -> None:
    """No path allows any other origin, and caches keep the responses apart."""
    for path in METHODS:
        response = preflight(platform, path, origin)
        assert permissions(response) is None, path
        assert "Origin" in words(response, "Vary"), path


def test_responses_of_functions_and_health_name_origin(platform: Platform, tenant: Tenant) -> None:
    """Pages of an allowed origin may read every response of a function and of /health, and those of others none."""
    order_id = tenant.ordered()["id"]
    calls = [
        ("POST", "/v1.0/orders"),
        ("GET", f"/v1.0/orders/{order_id}"),
        ("PUT", f"/v1.0/orders/{order_id}"),
        ("GET", f"/v1.0/tenants/{tenant.id}/orders"),
        ("GET", ORDER),
        ("GET", "/health"),
    ]
    for method, path in calls:
        response = tenant.call(method, path, headers={"Origin": ORIGIN})
        assert permissions(response) == ORIGIN, path
        assert path == "/health" or words(response, "Access-Control-Expose-Headers") == EXPOSED, path
        for origin in OTHERS:
            response = tenant.call(method, path, headers={"Origin": origin})
            assert permissions(response) is None, path
            assert "Origin" in words(response, "Vary"), path


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", ORDER, {}, 401),
        ("POST", "/v1.0/orders", {"Authorization": "Bearer a.b.c"}, 401),
        ("GET", "/v1.0/nothing", {}, 404),
        ("GET", "/v1.0/nothing", {"Authorization": "Bearer a.b.c"}, 404),
        ("GET", "/health", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_refusals_of_gateway_can_be_read(
    platform: Platform, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """A page can read why the gateway refused its request: the text is the same for everyone."""
    response = requests.request(method, platform.api_url + path, headers={"Origin": ORIGIN, **headers}, timeout=30)
    assert response.status_code == status
    assert permissions(response) in ("*", ORIGIN)
    assert words(response, "Access-Control-Expose-Headers") == EXPOSED
