"""The Cart service as far as orders need it: `python -m localstack.sidecars.cart_stub PORT [CERTIFICATE KEY]`."""

import json
import ssl
import sys
import threading
from typing import Any

from localstack.sidecars.json_server import JsonServer
from tooling.paths import FIXTURES


class CartStub(JsonServer):
    """Serves the carts and campaigns of the fixtures.

    It has further routes for tests: `PUT /v1.0/carts/{id}` adds a cart and `PUT /v1.0/campaigns/{code}` a campaign.
    `PUT /control/outages/{cartId}` with `{"status": 503}` makes reads of that cart fail until `DELETE`; `GET` returns
    the number of failed reads. An outage affects one cart only, so that tests can run in parallel.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._lock = threading.Lock()
        self.carts: dict[str, Any] = {c["cartId"]: c for c in json.loads((FIXTURES / "carts.json").read_text())}
        self.campaigns: dict[str, Any] = {c["code"]: c for c in json.loads((FIXTURES / "campaigns.json").read_text())}
        self.outages: dict[str, dict[str, int]] = {}

    def response(self, method: str, path: list[str], body: Any) -> tuple[int, Any]:
        """Serve a request."""
        with self._lock:
            match method, *path:
                case "GET", "health":
                    return 200, {"status": "ok"}
                case "GET", "v1.0", "carts", cart_id if cart_id in self.outages:
                    self.outages[cart_id]["refused"] += 1
                    return self.outages[cart_id]["status"], {"title": "outage"}
                case "GET", "v1.0", "carts", cart_id if cart_id in self.carts:
                    return 200, self.carts[cart_id]
                case "GET", "v1.0", "carts":
                    return 200, list(self.carts.values())
                case "GET", "v1.0", "campaigns", code if code in self.campaigns:
                    return 200, self.campaigns[code]
                case "GET", "control", "outages", cart_id if cart_id in self.outages:
                    return 200, dict(self.outages[cart_id])
                case "PUT", "v1.0", "carts", cart_id:
                    self.carts[cart_id] = body
                    return 200, body
                case "PUT", "v1.0", "campaigns", code:
                    self.campaigns[code] = body
                    return 200, body
                case "PUT", "control", "outages", cart_id:
                    self.outages[cart_id] = {"status": int(body["status"]), "refused": 0}
                    return 200, body
                case "DELETE", "control", "outages", cart_id:
                    self.outages.pop(cart_id, None)
                    return 200, {}
        return 404, {"title": "Not Found", "status": 404}


def main(port: str, *tls: str) -> None:
    """Serve until stopped: over TLS if there are paths of a certificate and its key, in PEM."""
    stub = CartStub(int(port))
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
        stub.socket = context.wrap_socket(stub.socket, server_side=True)
    stub.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
