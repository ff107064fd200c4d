"""HTTP server for JSON, for the sidecars."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class JsonServer(ThreadingHTTPServer):
    """A server on 127.0.0.1 whose requests and responses are JSON."""

    daemon_threads = True
    # Bearer token that every request must have; None for none.
    token: str | None = None
    # Whether each request that fails is reported on standard error.
    verbose = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)

    def response(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        """Status and body of the response to a request; its own body is None if it is empty."""
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: JsonServer

    def do_GET(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        status, response = 401, None
        if self.server.token is None or self.headers.get("Authorization") == f"Bearer {self.server.token}":
            status, response = self.server.response(self.command, self.path.strip("/").split("/"), content)
        body = json.dumps(response).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        # A line for every request would fill the log of a sidecar, which is trimmed only when that starts.
        if self.server.verbose and int(code) >= 400:
            super().log_request(code, size)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  # the names that http.server calls
