"""Requests and answers in JSON, for the small servers that stand in for others."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any


class JsonHandler(BaseHTTPRequestHandler):
    """A handler whose bodies are JSON, both ways."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, content: object) -> None:
        """Send an answer."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> Any:
        """What was sent; None if nothing was."""
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
