"""The Cart service as far as orders need it, from fixtures/; `python -m localstack.sidecars.cart_stub`."""

import argparse
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from localstack.sidecars.json_handler import JsonHandler
from tooling.paths import ROOT

FIXTURES = ROOT / "fixtures"


class CartStub(ThreadingHTTPServer):
    """Serves carts and campaigns.

    It has further routes for tests: `PUT /v1.0/carts/{id}` adds a cart, and `PUT /control/outages/{cartId}` with
    `{"status": 503}` makes reads of that cart fail until `DELETE`; `GET` returns the number of failed reads. An outage
    affects one cart only, so that tests can run in parallel.
    """

    daemon_threads = True

    def __init__(self, port: int, fixtures: Path = FIXTURES) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.lock = threading.Lock()
        self.carts: dict[str, Any] = {c["cartId"]: c for c in json.loads((fixtures / "carts.json").read_text())}
        self.campaigns: dict[str, Any] = {c["code"]: c for c in json.loads((fixtures / "campaigns.json").read_text())}
        self.outages: dict[str, dict[str, int]] = {}


class _Handler(JsonHandler, BaseHTTPRequestHandler):
    server: CartStub

    def do_GET(self) -> None:
        with self.server.lock:
            match self.path.strip("/").split("/"):
                case ["health"]:
                    self.respond(200, {"status": "ok"})
                case ["v1.0", "carts", cart_id] if cart_id in self.server.outages:
                    self.server.outages[cart_id]["refused"] += 1
                    self.respond(self.server.outages[cart_id]["status"], {"title": "outage"})
                case ["v1.0", "carts", cart_id] if cart_id in self.server.carts:
                    self.respond(200, self.server.carts[cart_id])
                case ["control", "outages", cart_id] if cart_id in self.server.outages:
                    self.respond(200, self.server.outages[cart_id])
                case ["v1.0", "campaigns", code] if code in self.server.campaigns:
                    self.respond(200, self.server.campaigns[code])
                case _:
                    self.respond(404, {"title": "Not Found", "status": 404})

    def do_PUT(self) -> None:
        content = self.body()
        with self.server.lock:
            match self.path.strip("/").split("/"):
                case ["v1.0", "carts", cart_id]:
                    self.server.carts[cart_id] = content
                    self.respond(200, content)
                case ["control", "outages", cart_id]:
                    self.server.outages[cart_id] = {"status": int(content["status"]), "refused": 0}
                    self.respond(200, content)
                case _:
                    self.respond(404, {"title": "Not Found", "status": 404})

    def do_DELETE(self) -> None:
        with self.server.lock:
            match self.path.strip("/").split("/"):
                case ["control", "outages", cart_id]:
                    self.server.outages.pop(cart_id, None)
                    self.respond(200, {})
                case _:
                    self.respond(404, {"title": "Not Found", "status": 404})


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", help="and --key, in PEM: serves TLS")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    stub = CartStub(arguments.port)
    if arguments.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.certificate, arguments.key)
        stub.socket = context.wrap_socket(stub.socket, server_side=True)
    stub.serve_forever()


if __name__ == "__main__":
    main()
