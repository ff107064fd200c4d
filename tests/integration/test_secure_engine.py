"""The embedded engine with TLS."""

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.secure_engine import secure_engine


def test_secure_engine_offers_http_2(tmp_path: Path) -> None:
    """Terraform's provider gets HTTP/2: over many connections of HTTP/1.1 it repeats creations on a busy machine."""
    with secure_engine(tmp_path) as stack:
        assert stack.certificates is not None
        context = ssl.create_default_context(cafile=stack.certificates.bundle)
        context.set_alpn_protocols(["h2", "http/1.1"])
        host, port = "127.0.0.1", urlsplit(stack.endpoint).port
        with (
            socket.create_connection((host, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            assert secure.selected_alpn_protocol() == "h2"
