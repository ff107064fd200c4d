"""Who approved, as GitHub tells it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from release import approvals
from release.promotion import EvidenceError


def review(state: str, login: str, *environments: str) -> dict[str, Any]:
    """A review, with what this project reads of it."""
    return {"state": state, "user": {"login": login}, "environments": [{"name": name} for name in environments]}


def test_each_environment_stands_for_a_role() -> None:
    reviews = [review("approved", "sipho", "prod-business-owner"), review("approved", "thandi", "prod")]
    assert approvals.by_role(reviews, "prod") == {"business-owner": "sipho", "tech-lead": "thandi"}
    assert approvals.by_role(reviews, "sit") == {}
    assert approvals.by_role([review("approved", "thandi", "sit")], "sit") == {"tech-lead": "thandi"}


def test_a_rejection_is_no_approval() -> None:
    assert approvals.by_role([review("rejected", "thandi", "sit")], "sit") == {}


@pytest.fixture
def github() -> Iterator[dict[str, str]]:
    """The variables of a run, and an API that knows one approval of it and wants its token."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/repos/kimmyai/orders/actions/runs/7/approvals"
            allowed = self.headers["Authorization"] == "Bearer secret"
            self.send_response(200 if known and allowed else 404)
            self.end_headers()
            self.wfile.write(json.dumps([review("approved", "thandi", "sit")]).encode())

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
        "GITHUB_REPOSITORY": "kimmyai/orders",
        "GITHUB_RUN_ID": "7",
        "GITHUB_TOKEN": "secret",
    }
    server.shutdown()
    server.server_close()


def test_a_run_is_asked_for_with_its_token(github: dict[str, str]) -> None:
    assert approvals.of_this_run("sit", github) == {"tech-lead": "thandi"}


@pytest.mark.parametrize(
    "wrong", [{"GITHUB_TOKEN": "other"}, {"GITHUB_RUN_ID": "8"}, {"GITHUB_API_URL": "http://[::1]:9"}]
)
def test_no_answer_is_no_approval(github: dict[str, str], wrong: dict[str, str]) -> None:
    with pytest.raises(EvidenceError, match="GitHub does not say who approved this run"):
        approvals.of_this_run("sit", github | wrong)
