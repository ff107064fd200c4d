"""HTTP handler for JSON, for the sidecars."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any


class JsonHandler(BaseHTTPRequestHandler):
    """A handler whose requests and responses are JSON."""

    protocol_version = "HTTP/1.1"

    def respond(self, status: int, content: object) -> None:
        """Send a response."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> Any:
        """Read the body of the request; None if it is empty."""
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
