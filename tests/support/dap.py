"""A small client of the Debug Adapter Protocol, as an editor is one: it attaches, stops at a line, reads variables.

Source: https://microsoft.github.io/debug-adapter-protocol/specification.
"""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

_SECONDS = 60


class DebugClient:
    """A connection to a debug adapter; a context that ends with it, and lets the program run on.

    Args:
        host: Host of the adapter.
        port: Port of the adapter.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), _SECONDS)
        self._stream = self._socket.makefile("rwb")
        self._number = 0
        # Messages that came while another was awaited.
        self._seen: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def attach(self, breakpoints: Mapping[Path, list[int]]) -> None:
        """Attach with breakpoints, by file. Raises AssertionError: the adapter refuses one."""
        self._ask("initialize", adapterID="debugpy", clientID="test", linesStartAt1=True, pathFormat="path")
        attached = self._send("attach", {"justMyCode": True})
        self.event("initialized")
        for file, lines in breakpoints.items():
            wanted = [{"line": line} for line in lines]
            found = self._ask("setBreakpoints", source={"path": str(file)}, breakpoints=wanted)["breakpoints"]
            assert [one["line"] for one in found if one["verified"]] == lines, found
        self._ask("configurationDone")
        self._response(attached)

    def stopped(self) -> tuple[int, dict[str, Any]]:
        """Wait until the program stops; returns its thread, and the innermost frame."""
        thread = self.event("stopped")["threadId"]
        frame: dict[str, Any] = self._ask("stackTrace", threadId=thread, levels=1)["stackFrames"][0]
        return thread, frame

    def variables(self, frame: Mapping[str, Any]) -> dict[str, str]:
        """The local variables of a frame, as text."""
        scopes = self._ask("scopes", frameId=frame["id"])["scopes"]
        reference = next(scope["variablesReference"] for scope in scopes if scope["name"] == "Locals")
        found = self._ask("variables", variablesReference=reference)["variables"]
        return {one["name"]: one["value"] for one in found}

    def evaluate(self, frame: Mapping[str, Any], expression: str) -> str:
        """The value of an expression in a frame, as text."""
        return str(self._ask("evaluate", expression=expression, frameId=frame["id"], context="repl")["result"])

    def proceed(self, thread: int) -> None:
        """Let the program run on."""
        self._ask("continue", threadId=thread)

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event, and return its body."""
        body: dict[str, Any] = self._next(lambda message: message.get("event") == name).get("body", {})
        return body

    def _ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        return self._response(self._send(command, arguments))

    def _send(self, command: str, arguments: Mapping[str, Any]) -> int:
        self._number += 1
        body = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        content = json.dumps(body).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._stream.flush()
        return self._number

    def _response(self, number: int) -> dict[str, Any]:
        message = self._next(lambda message: message.get("request_seq") == number)
        assert message["success"], message
        body: dict[str, Any] = message.get("body", {})
        return body

    def _next(self, wanted: Any) -> dict[str, Any]:
        for index, message in enumerate(self._seen):
            if wanted(message):
                return self._seen.pop(index)
        while not wanted(message := self._read()):
            self._seen.append(message)
        return message

    def _read(self) -> dict[str, Any]:
        length = 0
        while header := self._stream.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise ConnectionError("the debug adapter has closed the connection")
        message: dict[str, Any] = json.loads(self._stream.read(length))
        return message
