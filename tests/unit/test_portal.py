"""The server of the demo portal over real HTTP: what it serves without a stack, and to whom."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import uvicorn

from localstack.portal.app import app
from localstack.processes import free_port
from tooling.polling import poll


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[str]:
    """URL of the portal of a stack that is not up."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app(tmp_path), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    poll("the portal", lambda: server.started or None, 10, 0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_portal_serves_its_page_and_modules(portal: str) -> None:
    """The page needs no build step: each file is served as it is."""
    assert "<h1>Demo portal</h1>" in requests.get(portal, timeout=10).text
    for name, kind in (("orders.js", "javascript"), ("portal.js", "javascript"), ("base.css", "css")):
        response = requests.get(f"{portal}/{name}", timeout=10)
        assert response.status_code == 200
        assert kind in response.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/environment"), ("GET", "/carts/tenant-acme"), ("POST", "/sign-in/x@y.example")]
)
def test_portal_without_a_stack_says_what_to_do(portal: str, method: str, path: str) -> None:
    """Without a stack the page gets a problem that names the command."""
    response = requests.request(method, portal + path, timeout=10)
    assert (response.status_code, response.json()["detail"]) == (503, "the local stack is not up: run `make up`")


def test_portal_signs_in_for_its_own_page_only(portal: str) -> None:
    """A link signs nobody in, another host is refused, and no other origin may read a response."""
    url = f"{portal}/sign-in/thandi@acme.example"
    assert requests.get(url, timeout=10).status_code == 404
    assert requests.post(url, headers={"Host": "portal.example"}, timeout=10).status_code == 400
    response = requests.get(f"{portal}/environment", headers={"Origin": "http://evil.example"}, timeout=10)
    assert "access-control-allow-origin" not in response.headers
