"""HTTP of the embedded engine: a patch serves whole requests, hypercorn all others, on the same connection."""

import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localstack.stack import REGION, Stack

LIST_TABLES = {
    "X-Amz-Target": "DynamoDB_20120810.ListTables",
    "Content-Type": "application/x-amz-json-1.0",
}
HEALTH = b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
def client(stack: Stack) -> Iterator[socket.socket]:
    """A connection to the engine."""
    with socket.create_connection(("127.0.0.1", stack.ports["engine"]), timeout=20) as connection:
        yield connection


def received(client: socket.socket, method: str = "GET") -> tuple[int, bytes]:
    """Status and body of the next response."""
    response = HTTPResponse(client, method=method)
    response.begin()
    return response.status, response.read()


def list_tables(endpoint: str, signed: bool) -> bytes:
    """A request to DynamoDB as it is sent, with a signature of an access key or without."""
    request = AWSRequest("POST", f"{endpoint}/", headers=LIST_TABLES, data=b"{}")
    if signed:
        session: Credentials = boto3.Session().get_credentials()  # type: ignore[assignment]
        SigV4Auth(session, "dynamodb", REGION).add_auth(request)
    headers = {"Host": endpoint.rpartition("/")[2], "Content-Length": "2", **dict(request.headers.items())}
    return b"POST / HTTP/1.1\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in headers.items()) + b"\r\n{}"


@pytest.mark.parametrize("pieces", [1, 2, 300], ids=["whole", "two pieces", "many pieces"])
def test_request_in_pieces_is_served_as_a_whole_one(stack: Stack, client: socket.socket, pieces: int) -> None:
    """The response does not depend on how a request arrives; the next request on the connection is served too."""
    request = list_tables(stack.endpoint, signed=True)
    size = -(-len(request) // pieces)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(request), size):
        client.sendall(request[start : start + size])
    status, body = received(client)
    assert (status, b"TableNames" in body) == (200, True)
    client.sendall(HEALTH + b"\r\n")
    assert received(client)[0] == 200


def test_requests_sent_at_once_are_served_in_turn(client: socket.socket) -> None:
    """Two requests in one piece get two responses, of which the second is for the second."""
    client.sendall(HEALTH + b"\r\n" + b"GET /no-such-bucket HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    # One file for both: HTTPResponse reads ahead.
    content = b""
    while content.count(b"HTTP/1.1 ") < 2:
        part = client.recv(65536)
        assert part, content
        content += part
    assert content.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 4" in content


def test_caller_is_forgotten_after_its_request(stack: Stack, client: socket.socket) -> None:
    """An unsigned request is refused on the connection on which a signed one was allowed."""
    for signed, expected in ((True, 200), (False, 400), (True, 200)):
        client.sendall(list_tables(stack.endpoint, signed))
        status, body = received(client)
        assert status == expected
        assert (b"MissingAuthenticationToken" in body) != signed


@pytest.mark.parametrize(
    "head",
    [
        b"GET /_ministack/health HTTP/1.1\r\n\r\n",
        HEALTH + b"Host: other\r\n\r\n",
        HEALTH + b"a b: c\r\n\r\n",
        HEALTH + b"a: b\x00c\r\n\r\n",
        HEALTH + b"Content-Length: 1x\r\n\r\n",
        HEALTH + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
    ids=["no host", "two hosts", "no token", "zero byte", "no length", "two lengths"],
)
def test_malformed_request_is_refused(client: socket.socket, head: bytes) -> None:
    """A request that RFC 9112 does not allow gets a 400, and its connection ends."""
    client.sendall(head)
    assert received(client)[0] == 400
    assert client.recv(1) == b""


def test_connection_ends_when_client_wants_it(client: socket.socket) -> None:
    """`Connection: close` ends the connection after the response."""
    client.sendall(HEALTH + b"Connection: close\r\n\r\n")
    assert received(client)[0] == 200
    assert client.recv(1) == b""


def test_head_has_no_body(client: socket.socket) -> None:
    """A response to HEAD has no body, so the next response is read from its begin."""
    client.sendall(b"HEAD /no-such-bucket HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert received(client, "HEAD")[0] in (403, 404)
    client.sendall(HEALTH + b"\r\n")
    assert received(client)[0] == 200


def test_body_after_100_continue(stack: Stack, client: socket.socket) -> None:
    """A client that waits for `100 Continue` gets it, and then its response."""
    head, _, body = list_tables(stack.endpoint, signed=True).partition(b"\r\n\r\n")
    client.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
    assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
    client.sendall(body)
    assert received(client)[0] == 200
