"""The engine's HTTP server: a request that arrives in one piece goes to the engine without hypercorn's protocol.

Hypercorn 0.18 uses a state machine, two queues and four tasks for a request, which was a third of what a call costs. It
still serves everything else: bodies in pieces, `Expect`, upgrades, HTTP/2, the last request of a connection.
"""

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

import h11
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.events import Closed, RawData
from hypercorn.protocol.h11 import H11Protocol

from localstack.ministack_patches.patching import Function, replaces

# RFC 9112, 3 and 5, without HEAD, line folding and control characters.
_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_VALUE = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
_HEAD = re.compile(
    rb"(DELETE|GET|OPTIONS|PATCH|POST|PUT) (/[!-~]*) HTTP/1\.1\r\n((?:" + _TOKEN + rb":" + _VALUE + rb"\r\n)+)\r\n"
)
_FIELD = re.compile(rb"(" + _TOKEN + rb"):(" + _VALUE + rb")\r\n")
_LEFT_TO_HYPERCORN = {b"expect", b"http2-settings", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
# Of the longest body that is received in one piece.
_DIGITS = len(str(MAX_RECV))
_NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Request(NamedTuple):
    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


def _request(data: bytes) -> _Request | None:
    """The only request in what was received; None if it is not whole, or needs more than a response."""
    head = _HEAD.match(data)
    if head is None:
        return None
    method, target, fields = head.groups()
    headers = [(name.lower(), value.strip(b" \t")) for name, value in _FIELD.findall(fields)]
    by_name = dict(headers)
    length, body = by_name.get(b"content-length", b"0"), data[head.end() :]
    whole = length.isdigit() and len(length) <= _DIGITS and int(length) == len(body)
    plain = by_name.keys().isdisjoint(_LEFT_TO_HYPERCORN) and b"host" in by_name and len(by_name) == len(headers)
    kept = by_name.get(b"connection", b"keep-alive").lower() == b"keep-alive"
    return _Request(method, target, headers, body) if whole and plain and kept else None


class _Exchange:
    """A request and its response on a connection."""

    def __init__(self, server: Any, request: _Request) -> None:
        self._server = server
        self._body: bytes | None = request.body
        # The first message of the response, until its head is written.
        self._start: dict[str, Any] | None = None
        self._framing = _Framing(0)
        # Whether the response is complete, and the next request may come.
        self.complete = False
        # What the client sent before the response was complete.
        self.early = b""
        path, _, query = request.target.partition(b"?")
        protocol = server.protocol.protocol
        self._scope = {
            "type": "http",
            "http_version": "1.1",
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "method": request.method.decode(),
            "scheme": "https" if protocol.ssl else "http",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "root_path": server.config.root_path,
            "headers": request.headers,
            "client": protocol.client,
            "server": protocol.server,
            "state": protocol.connection_state.copy(),
            "extensions": {},
        }

    async def run(self) -> None:
        """Run the engine's application, in a task since what it sets in its context must not outlive the request."""
        try:
            await asyncio.create_task(self._server.app(self._scope, self._receive, self._send, None, None))
        except Exception:
            await self._server.config.log.exception("Error in ASGI Framework")
        if not self._framing.sent:
            self._server.writer.write(_FAILED)

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        with suppress(OSError):
            while not self._server.reader.at_eof():
                self.early += await self._server.reader.read(MAX_RECV)
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        head = b""
        if self._start is not None:
            head, self._framing = _head(int(self._start["status"]), self._start.get("headers", []))
            self._start = None
        framing = self._framing
        self._server.writer.write(head + framing.frame(body, more))
        self.complete = not more and framing.left == 0 and not framing.closes
        with suppress(OSError, RuntimeError):
            await self._server.writer.drain()


class _Framing:
    """How the body of a response ends: after so many bytes, with an empty chunk, or there is none."""

    def __init__(self, left: int, chunked: bool = False, empty: bool = False, closes: bool = False) -> None:
        # Bytes that are still to come.
        self.left = left
        self._chunked, self._empty = chunked, empty
        # Whether the connection is closed afterwards.
        self.closes = closes
        self.sent = False

    def frame(self, body: bytes, more: bool) -> bytes:
        """What to send of a part of the body."""
        self.sent = True
        if self._empty:
            return b""
        if self._chunked:
            return (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        self.left -= len(body)
        return body


def _head(status: int, given: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, _Framing]:
    """The head of a response, and the framing that it announces. ValueError: a header has a line break."""
    headers = [(name.strip(), value.strip()) for name, value in given]
    by_name = {name.lower(): value for name, value in headers}
    empty = status in _NO_BODY
    chunked = not empty and b"content-length" not in by_name
    if chunked and b"transfer-encoding" not in by_name:
        headers.append((b"transfer-encoding", b"chunked"))
    lines = b"".join([b"%s: %s\r\n" % header for header in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise ValueError("a header of the response has a line break")
    left = 0 if empty or chunked else int(by_name[b"content-length"])
    framing = _Framing(left, chunked, empty, by_name.get(b"connection", b"").lower() == b"close")
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, _PHRASES.get(status, b""), lines), framing


def _is_free(server: Any) -> bool:
    """Whether hypercorn has neither a request nor a part of one."""
    protocol = server.protocol.protocol
    if not isinstance(protocol, H11Protocol) or protocol.stream is not None:
        return False
    connection = protocol.connection
    return connection.our_state is connection.their_state is h11.IDLE and not connection.trailing_data[0]


@replaces(TCPServer, "_read_data")
async def serve_whole_requests(_: Function, server: Any) -> None:
    """Serve whole requests, and give hypercorn everything else.

    End the wait for another request once the client has closed its connection: Hypercorn keeps such a connection, and
    its descriptor, for the 75 s of one that is idle.
    """
    server.serves = False
    with suppress(OSError):
        while not server.reader.at_eof():
            data = await server.reader.read(MAX_RECV)
            request = _request(data) if _is_free(server) else None
            if request is None:
                await server.protocol.handle(RawData(data))
                continue
            exchange = _Exchange(server, request)
            server.serves = True
            try:
                await exchange.run()
            finally:
                server.serves, server.last_used = False, server.loop.time()
            if not exchange.complete or server.context.terminated.is_set():
                break
            if exchange.early:
                await server.protocol.handle(RawData(exchange.early))
    await server.protocol.handle(Closed())
    server.client_is_gone = True
    await server.idle_task.stop()


@replaces(TCPServer, "_idle_timeout")
async def close_unused(_: Function, server: Any) -> None:
    """Close a connection that is not used any more.

    Hypercorn starts this after each of its own responses, and ends it with the next request.
    """
    server.last_used = server.loop.time()
    while not getattr(server, "client_is_gone", False):
        unused = 0.0 if server.serves else server.loop.time() - server.last_used
        left = server.config.keep_alive_timeout - unused
        with suppress(TimeoutError):
            if left > 0:
                await asyncio.wait_for(server.context.terminated.wait(), left)
        if left <= 0 or (server.context.terminated.is_set() and not server.serves):
            await asyncio.shield(server._initiate_server_close())
            return
        if server.context.terminated.is_set():
            # `serve_whole_requests` closes it after the response.
            return
