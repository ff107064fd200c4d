"""Lets a stack's containers reach its sidecars on Linux: `python -m localstack.sidecars.bridge ADDRESS NETWORKS PORT…`.

Listens on the address by which containers know this machine, and forwards each connection from the networks to the
same port of 127.0.0.1. Connections from elsewhere, such as another stack's containers, are closed unread.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, ip_address, ip_network

_CHUNK_BYTES = 65_536


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end of a stream, which is passed on."""
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def listen(address: str, networks: Sequence[IPv4Network], port: int) -> asyncio.Server:
    """Listen on a port of an address, and forward to the same port of 127.0.0.1."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = ip_address(writer.get_extra_info("peername")[0])
        try:
            if any(caller in network for network in networks):
                there, back = await asyncio.open_connection("127.0.0.1", port)
                try:
                    await asyncio.gather(_copy(reader, back), _copy(there, writer))
                finally:
                    back.close()
        except OSError as error:
            print(f"port {port}: {error}", file=sys.stderr, flush=True)
        finally:
            writer.close()

    return await asyncio.start_server(forward, address, port)


async def serve(address: str, networks: str, *ports: str) -> None:
    """Serve until cancelled; the networks are separated by commas."""
    allowed = [IPv4Network(ip_network(each)) for each in networks.split(",")]
    servers = [await listen(address, allowed, int(port)) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
