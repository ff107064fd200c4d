"""Who approved, as GitHub reports it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from release import promotion
from release.promotion import EvidenceError


def review(state: str, login: str, *environments: str) -> dict[str, Any]:
    """A review, with the fields that this project reads."""
    return {"state": state, "user": {"login": login}, "environments": [{"name": name} for name in environments]}


def test_approval_has_role_of_github_environment() -> None:
    """Each GitHub environment stands for the role of its reviewers."""
    reviews = [review("approved", "sipho", "prod-business-owner"), review("approved", "thandi", "prod")]
    assert promotion.approvals_by_role(reviews, "prod") == {"business-owner": "sipho", "tech-lead": "thandi"}
    assert promotion.approvals_by_role(reviews, "sit") == {}
    assert promotion.approvals_by_role([review("approved", "thandi", "sit")], "sit") == {"tech-lead": "thandi"}


def test_rejection_is_no_approval() -> None:
    """A rejection is no approval."""
    assert promotion.approvals_by_role([review("rejected", "thandi", "sit")], "sit") == {}


@pytest.fixture
def github() -> Iterator[dict[str, str]]:
    """The variables of a run, and an API that has one approval of it and checks its token."""

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


def test_approvals_are_read_with_token_of_run(github: dict[str, str]) -> None:
    """The approvals of a run are read with its token."""
    assert promotion.approvals_in_github("sit", github) == {"tech-lead": "thandi"}


@pytest.mark.parametrize(
    "wrong", [{"GITHUB_TOKEN": "other"}, {"GITHUB_RUN_ID": "8"}, {"GITHUB_API_URL": "http://[::1]:9"}]
)
def test_failed_request_is_no_approval(github: dict[str, str], wrong: dict[str, str]) -> None:
    """Without a response from GitHub there is no approval."""
    with pytest.raises(EvidenceError, match="cannot read who approved this run from"):
        promotion.approvals_in_github("sit", github | wrong)
