"""The loss of a region."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ministack import app as gateway

_Scope = dict[str, Any]
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]


def lose_what_is_listed(listed: Path) -> None:
    """Answer 503 to requests for what a file lists by word: a region, or the id of an API.

    Args:
        listed: of the words; while it is not there, nothing is lost.
    """
    serve = gateway.app

    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        words = listed.read_text().split() if scope["type"] == "http" and listed.exists() else []
        signed = dict(scope.get("headers", [])).get(b"authorization", b"").decode("latin-1")
        if any(f"/{word}/" in text for word in words for text in (signed, scope["path"])):
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b"<Error><Code>ServiceUnavailable</Code></Error>"})
            return
        await serve(scope, receive, send)

    gateway.app = app
