"""What anyone can see of the API: that it is up, and that it needs a token. Safe in prod."""

import pytest
import requests

from localstack.targets import Platform

pytestmark = pytest.mark.read_only

ROUTES = [
    ("POST", "/v1.0/orders"),
    ("GET", "/v1.0/orders/6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11"),
    ("PUT", "/v1.0/orders/6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11"),
    ("GET", "/v1.0/tenants/tenant-acme/orders"),
]


def test_health_needs_no_token(platform: Platform) -> None:
    """The health check responds without a token."""
    response = requests.get(f"{platform.api_url}/health", timeout=30)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer x", "Bearer a.b.c"])
def test_other_routes_need_a_token(platform: Platform, method: str, path: str, token: str | None) -> None:
    """Every other route refuses a request without a valid token."""
    headers = {} if token is None else {"Authorization": token}
    response = requests.request(method, platform.api_url + path, json={}, headers=headers, timeout=30)
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["title"] == "Unauthorized"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1.0/nothing"), ("DELETE", "/v1.0/orders")])
@pytest.mark.parametrize("token", [None, "Bearer x.y.z"])
def test_unknown_route_is_not_found(platform: Platform, method: str, path: str, token: str | None) -> None:
    """An unknown path or method gives 404 with a problem document; AWS reads a token there as a signature."""
    headers = {} if token is None else {"Authorization": token}
    response = requests.request(method, platform.api_url + path, headers=headers, timeout=30)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.json()["status"], response.json()["title"]) == (404, "Not Found")
