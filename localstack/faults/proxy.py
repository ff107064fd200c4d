"""Server of the fault proxy: `python -m localstack.faults.proxy PORT ENGINE_URL CART_URL`.

It forwards every request except its own: `PUT /_chaos/plan` starts a run, `GET /_chaos/journal` returns what happened,
`PUT /_chaos/frozen` with true cuts every new call and waits for those in flight.
"""

import asyncio
import sys
import weakref
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import psutil
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from microburst.protocols import render_error
from pydantic import parse_obj_as
from yarl import URL

from localstack.faults.calls import Call, Worker, identify
from localstack.faults.control import Journal
from localstack.faults.plan import KILLS, LOST_RESPONSES, Decider, Fault, Plan

# Longer than any timeout of a function (common/clients.py, common/cart_client.py).
_STALL_SECONDS = 6.0
_SLOW_SECONDS = 2.0
_REPEAT_SECONDS = 3.0
_FREEZE_SECONDS = 20.0
_MAX_BYTES = 64 * 1024 * 1024
_HOP_BY_HOP = {"connection", "content-length", "expect", "keep-alive", "transfer-encoding"}
_THROTTLED = {"dynamodb": "ThrottlingException", "s3": "SlowDown", "sqs": "RequestThrottled"}
_FAILED = {"dynamodb": "InternalServerError", "s3": "InternalError", "sqs": "InternalError"}


class Proxy:
    """Forwards requests to the URLs of engine and Cart service, with the faults of its plan."""

    _session: ClientSession

    def __init__(self, engine: str, cart: str) -> None:
        self._engine, self._cart = engine, cart
        self._decider = Decider(Plan())
        self._journal: list[dict[str, Any]] = []
        self._steps: set[tuple[str, str, str]] = set()
        self._workers: dict[psutil.Process, Worker | None] = {}
        self._callers: weakref.WeakKeyDictionary[asyncio.BaseTransport, Worker | None] = weakref.WeakKeyDictionary()
        self._copies: set[asyncio.Task[Any]] = set()
        self._in_flight = 0
        self._frozen = False
        # Calls that sent a mail which is not recorded as sent yet, and their processes.
        self._unrecorded: dict[tuple[str, str | None], tuple[Call, Worker | None]] = {}

    def app(self) -> web.Application:
        """Create the application."""
        app = web.Application(client_max_size=_MAX_BYTES)
        app.cleanup_ctx.append(self._sessions)
        app.router.add_put("/_chaos/plan", self._put_plan)
        app.router.add_put("/_chaos/frozen", self._put_frozen)
        app.router.add_get("/_chaos/journal", self._get_journal)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _sessions(self, _: web.Application) -> Any:
        async with ClientSession(auto_decompress=False, timeout=ClientTimeout(total=90)) as self._session:
            yield

    async def _put_plan(self, request: web.Request) -> web.Response:
        self._decider = Decider(parse_obj_as(Plan, await request.json()))
        self._journal, self._steps = [], set()
        self._unrecorded.clear()
        return web.json_response({})

    async def _put_frozen(self, request: web.Request) -> web.Response:
        self._frozen = await request.json()
        async with asyncio.timeout(_FREEZE_SECONDS):
            while self._frozen and self._in_flight:
                await asyncio.sleep(0.02)
        if not self._frozen:
            # The proxy is frozen for a restart of the engine, which kills functions between sending and recording.
            for call, _ in self._unrecorded.values():
                self._record(call, Fault.KILL_AFTER)
            self._unrecorded.clear()
        return web.json_response({})

    async def _get_journal(self, _: web.Request) -> web.Response:
        kills_left = list(self._decider.kills_left)
        journal = Journal(self._journal, sorted(self._steps), kills_left, len(self._copies))
        return web.json_response(asdict(journal))

    async def _worker(self, request: web.Request) -> Worker | None:
        transport = request.transport
        if transport is None:
            return None
        if transport not in self._callers:
            ends = (transport.get_extra_info("peername")[1], transport.get_extra_info("sockname")[1])
            self._callers[transport] = await asyncio.to_thread(self._find_worker, *ends)
        return self._callers[transport]

    def _find_worker(self, port: int, ours: int) -> Worker | None:
        """Find the worker at the other end of a connection by the ports of both ends."""
        ends = (("127.0.0.1", port), ("127.0.0.1", ours))
        found = next((c for c in psutil.net_connections("tcp") if (c.laddr, c.raddr) == ends and c.pid), None)
        if found is None:
            return None
        with suppress(psutil.Error):
            process = psutil.Process(found.pid)
            if process not in self._workers:
                name = process.environ().get("AWS_LAMBDA_FUNCTION_NAME", "")
                function = name.removeprefix("bbws-order-lambda-").removesuffix("-local")
                self._workers[process] = Worker(process.pid, function) if function else None
            return self._workers[process]
        return None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        worker = await self._worker(request)
        call = identify(request.method, request.raw_path, request.headers, body, worker)
        self._steps.add((call.function, call.service, call.step))
        fault = Fault.FROZEN if self._frozen else self._decider.decide(call)
        if fault:
            self._record(call, fault)
        self._in_flight += 1
        try:
            return await self._pass(request, body, call, worker, fault)
        except (ClientError, TimeoutError):
            return await _lose(request, worker, None)
        finally:
            self._in_flight -= 1

    def _record(self, call: Call, fault: Fault) -> None:
        self._journal.append({**asdict(call), "fault": fault, "records_mail": call.records_mail})

    async def _pass(
        self, request: web.Request, body: bytes, call: Call, worker: Worker | None, fault: Fault | None
    ) -> web.StreamResponse:
        match fault:
            case Fault.THROTTLE | Fault.ERROR | Fault.REFUSE:
                return _error(call, fault)
            case Fault.STALL_BEFORE | Fault.KILL_BEFORE | Fault.CUT_BEFORE | Fault.FROZEN:
                return await _lose(request, worker, fault)
        response = await self._forward(request, body, call)
        if call.sends_mail and response.status < 300:
            self._send_again(call)
            self._unrecorded[call.function, call.mail] = (call, worker)
        elif call.records_mail and response.status < 300:
            self._unrecorded.pop((call.function, call.mail), None)
        if fault is None and (request.transport is None or request.transport.is_closing()):
            # The caller timed out, as on a busy machine: a lost response like any other.
            self._record(call, Fault.STALL_AFTER)
        if fault in LOST_RESPONSES:
            return await _lose(request, worker, fault)
        if fault is Fault.SLOW:
            await asyncio.sleep(_SLOW_SECONDS)
        if fault is Fault.REPEAT:
            copy = asyncio.create_task(self._repeat(request, body, call))
            self._copies.add(copy)
            copy.add_done_callback(self._copies.discard)
        return response

    def _send_again(self, call: Call) -> None:
        """Record that the process which sent the same mail before ended before it recorded it: Lambda timed it out."""
        before, worker = self._unrecorded.get((call.function, call.mail), (None, None))
        if before and worker and not psutil.pid_exists(worker.pid):
            self._record(before, Fault.KILL_AFTER)

    async def _repeat(self, request: web.Request, body: bytes, call: Call) -> None:
        """Send the same message again, after later ones."""
        await asyncio.sleep(_REPEAT_SECONDS)
        with suppress(ClientError, TimeoutError):
            await self._forward(request, body, call)

    async def _forward(self, request: web.Request, body: bytes, call: Call) -> web.Response:
        # Host stays unchanged: it is signed.
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP]
        upstream = self._cart if call.service == "cart" else self._engine
        async with self._session.request(
            request.method,
            URL(upstream + request.raw_path, encoded=True),
            headers=headers,
            data=body,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as received:
            response = web.Response(status=received.status, body=await received.read())
            # aiohttp sets a default type.
            response.headers.popall("Content-Type", None)
            for name, value in received.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers.add(name, value)
            return response


async def _lose(request: web.Request, worker: Worker | None, fault: Fault | None) -> web.Response:
    """Cut the connection without a response: after a stall or a kill of the caller if that is the fault."""
    if fault in (Fault.STALL_BEFORE, Fault.STALL_AFTER):
        await asyncio.sleep(_STALL_SECONDS)
    if fault in KILLS and worker:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(worker.pid).kill()
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _error(call: Call, fault: Fault) -> web.Response:
    """Respond with the error that AWS would send, so that the SDK recognises it."""
    if call.service == "cart":
        return web.json_response({"title": fault}, status=429 if fault is Fault.THROTTLE else 503)
    code = {
        Fault.THROTTLE: _THROTTLED.get(call.service, "Throttling"),
        Fault.ERROR: _FAILED.get(call.service, "InternalFailure"),
        Fault.REFUSE: "MessageRejected",
    }[fault]
    status = 500 if fault is Fault.ERROR else 503 if code == "SlowDown" else 400
    status, headers, body = render_error(call.service, code, "injected", status)
    return web.Response(status=status, headers=headers, body=body)


if __name__ == "__main__":
    app = Proxy(sys.argv[2], sys.argv[3]).app()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
