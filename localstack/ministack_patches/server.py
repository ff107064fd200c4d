"""The engine's HTTP server, where descriptors may be few, as 256 on macOS, and its own log."""

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import uvicorn
from ministack import app as gateway

from localstack import log_files
from localstack.ministack_patches.patching import Function, changes, replaces

_LOG_FILE = os.environ.get("LOG_FILE")
_TRIM_SECONDS = 2.0
# How often a lack of descriptors is logged.
_LACK_SECONDS = 60.0
_lacks: dict[str, float] = {}


@replaces(hypercorn.asyncio, "serve")
async def serve_by_uvicorn(serve: Function, application: Any, config: Any) -> None:
    """Serve on MiniStack's sockets by uvicorn: hypercorn 0.18 takes a third of what a call costs.

    It also keeps a connection that its client has closed, and its descriptor, for the 75 s of one that is idle.
    """
    if config.certfile:
        # With TLS only hypercorn offers HTTP/2. Over many connections of HTTP/1.1, Terraform's provider on a busy
        # machine closes one that it uses, and repeats a creation that was made.
        await serve(application, config)
        return
    sockets = config.create_sockets()
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            http="httptools",
            loop="asyncio",
            ws="none",
            lifespan="on",
            backlog=config.backlog,
            timeout_keep_alive=int(config.keep_alive_timeout),
            timeout_graceful_shutdown=int(config.graceful_timeout),
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
    )
    await server.serve(sockets.insecure_sockets)


def _log_seldom(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a lack of descriptors once a minute: asyncio reports it hundreds of times a second."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        message, now = context["message"], loop.time()
        if now - _lacks.get(message, -_LACK_SECONDS) < _LACK_SECONDS:
            return
        _lacks[message] = now
    loop.default_exception_handler(context)


@replaces(gateway, "_handle_lifespan")
async def report_lacks_seldom(handle: Function, *scope_and_channels: Any) -> None:
    """Set what handles errors outside of requests when the server starts."""
    asyncio.get_running_loop().set_exception_handler(_log_seldom)
    await handle(*scope_and_channels)


@changes
def bound_log() -> None:
    """Keep the engine's own log below a limit, whatever writes it."""

    def keep(log: Path) -> None:
        never = threading.Event()
        while not never.wait(_TRIM_SECONDS):
            log_files.trim(log)

    if _LOG_FILE:
        threading.Thread(target=keep, args=(Path(_LOG_FILE),), daemon=True).start()
