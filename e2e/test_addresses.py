"""Who reaches the local stack: this machine by 127.0.0.1, and the containers of its functions."""

import socket
from ipaddress import ip_address

import psutil
import pytest

from localstack import packages
from localstack import stack as stacks
from localstack.stack import DOCKER_HOST_NAME
from tooling import docker

pytestmark = pytest.mark.sidecars

REQUEST = b"GET /v1.0/carts HTTP/1.0\r\n\r\n"
# In a container: prints what a port of this machine sends in response to a request.
CALL = f"""
import socket, sys
with socket.create_connection(({DOCKER_HOST_NAME!r}, int(sys.argv[1])), 5) as connection:
    connection.sendall({REQUEST!r})
    try:
        print(connection.recv(100))
    except ConnectionResetError:
        print(b"")
"""


def response(address: str, port: int) -> bytes | None:
    """What a port of an address sends in response to a request; None if nothing listens."""
    try:
        with socket.create_connection((address, port), timeout=5) as connection:
            connection.sendall(REQUEST)
            return connection.recv(100)
    except ConnectionResetError:
        return b""
    except OSError:
        return None


def test_scan_of_other_addresses_finds_nothing() -> None:
    """No other address of this machine serves a port of the stack; a bridge to containers closes what is not theirs."""
    stack = stacks.require()
    addresses = [each for of_one in psutil.net_if_addrs().values() for each in of_one]
    internet = {each.address for each in addresses if each.family in (socket.AF_INET, socket.AF_INET6)}
    others = [each for each in internet if not ip_address(each.partition("%")[0]).is_loopback]
    served = {(each, use) for each in others for use, port in stack.ports.items() if response(each, port)}
    assert not served
    assert response("127.0.0.1", stack.ports["cart"])


def test_container_of_another_stack_gets_no_response() -> None:
    """A container in another network than the functions' gets nothing from the sidecars, such as a token."""
    stack = stacks.require()
    if not packages.in_containers(stack):
        pytest.skip("only functions in containers come by a bridge")
    for use in ("cart", "issuer"):
        said = docker.run(
            "a container of another network",
            *("run", "--rm", f"--add-host={DOCKER_HOST_NAME}:host-gateway", "--entrypoint=python"),
            *(docker.LAMBDA.name(), "-c", CALL, str(stack.ports[use])),
            seconds=60,
        )
        assert said.strip() == "b''"
