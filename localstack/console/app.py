"""The pages: what each address answers, and what keeps other sites out."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.order import Order
from localstack.console import trace
from localstack.console.live import Finder, LiveStack, asked
from localstack.console.mails import Content, Mail
from localstack.console.orders import NEWEST, Tracked
from localstack.console.picture import first_page
from localstack.console.queues import SHOWN
from localstack.stack import StackError
from ops.queues import QueueError

HOSTS = ["127.0.0.1", "localhost"]
_HERE = Path(__file__).resolve().parent
_MAILS = 50
_TICK_SECONDS = 1.0
_BODY_BYTES = 4_096
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A mail is somebody else's text: it may look as it likes, and do nothing and fetch nothing.
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_PDF_POLICY = "frame-ancestors 'self'; base-uri 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _Headers:
    """Adds the headers of every answer; one that an answer has already stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                for name, value in {**_HEADERS, "Content-Security-Policy": _PAGE_POLICY}.items():
                    if name.lower().encode() not in given:
                        message["headers"].append((name.encode(), value.encode()))
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M:%S")


def _day(moment: datetime) -> str:
    return moment.astimezone().strftime("%-d %B %Y, %H:%M:%S")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _money(amount: Decimal) -> str:
    return f"R {amount:,.2f}".replace(",", " ")


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": _clock,
        "day": _day,
        "duration": _duration,
        "limit": "{:g} s".format,
        "money": _money,
    }
    return environment


class Console:
    """The pages of one stack.

    Args:
        finder: finds the stack.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._templates = _templates()
        # A form of another site does not know it.
        self._token = secrets.token_urlsafe(24)

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/", self.orders),
                Route("/events", self.events),
                Route("/find", self.find),
                Route("/orders/{order_id}", self.order),
                Route("/orders/{order_id}/invoice.pdf", self.invoice),
                Route("/orders/{order_id}/invoice.png", self.invoice_picture),
                Route("/mails", self.mails),
                Route("/mails/{name}", self.mail),
                Route("/mails/{name}/body", self.mail_body),
                Route("/mails/{name}/attachments/{number:int}", self.attachment),
                Route("/queues", self.queues),
                Route("/queues/{function}/redrive", self.redrive, methods=["POST"]),
                Route("/alarms", self.alarms),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ],
            middleware=[
                Middleware(_Headers),
                Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            ],
            exception_handlers={StackError: self._down, 404: self._not_found},
        )

    def _page(self, template: str, page: str, status: int = 200, **context: Any) -> HTMLResponse:
        content = self._templates.get_template(template).render(page=page, token=self._token, **context)
        return HTMLResponse(content, status)

    def _down(self, request: Request, error: Exception) -> Response:
        return self._page("problem.html", "", 503, title="The stack is down", text=str(error), retry=True)

    def _not_found(self, request: Request, error: Exception) -> Response:
        return self._missing("There is no such page.")

    def _missing(self, text: str) -> HTMLResponse:
        return self._page("problem.html", "", 404, title="Not found", text=text, retry=False)

    def _rows(self, orders: list[Tracked]) -> list[dict[str, str]]:
        row, now = self._templates.get_template("row.html"), datetime.now(UTC)
        return [
            {"id": order.order_id, "html": row.render(order=order, late=order.overdue(now), promised=trace.PROMISED)}
            for order in orders
        ]

    def orders(self, request: Request) -> Response:
        """The newest orders."""
        live = self._finder.now()
        return self._page("orders.html", "orders", rows=self._rows(asked(live.newest)), newest=NEWEST)

    async def events(self, request: Request) -> Response:
        """Rows of orders as they change, as server-sent events."""
        return StreamingResponse(self._changes(), media_type="text/event-stream")

    async def _changes(self) -> AsyncIterator[str]:
        shown: dict[str, tuple[int, bool]] = {}
        first: LiveStack | None = None
        down = ""
        while True:
            try:
                live = await run_in_threadpool(self._finder.now)
                newest = await run_in_threadpool(asked, live.newest)
                if first is not None and live is not first:
                    yield _event("anew", {})
                first = live
                seen, now = shown, datetime.now(UTC)
                shown = {order.order_id: (order.revision, order.overdue(now)) for order in newest}
                moved = [order for order in reversed(newest) if seen.get(order.order_id) != shown[order.order_id]]
                if moved or down:
                    yield _event("rows", {"rows": self._rows(moved), "keep": [order.order_id for order in newest]})
                else:
                    # Tells whether the browser is still there.
                    yield ": nothing new\n\n"
                down = ""
            except StackError as error:
                if str(error) != down:
                    down = str(error)
                    yield _event("down", {"text": down})
                else:
                    yield ": still down\n\n"
            await asyncio.sleep(_TICK_SECONDS)

    def find(self, request: Request) -> Response:
        """The order that a number or an id names."""
        text = request.query_params.get("q", "")
        live = self._finder.now()
        found = asked(lambda: live.find(text))
        if found is None:
            return self._missing(f"No order has the number, id or correlation id “{text}”.")
        return RedirectResponse(f"/orders/{found.order_id}", 303)

    def order(self, request: Request) -> Response:
        """One order's way."""
        live = self._finder.now()
        story = asked(lambda: live.story(request.path_params["order_id"]))
        if story is None:
            return self._missing("There is no such order.")
        return self._page("order.html", "orders", story=story, order=story.tracked.order)

    def _invoice(self, request: Request) -> tuple[Order, bytes] | None:
        live = self._finder.now()
        tracked = asked(lambda: live.find(request.path_params["order_id"]))
        if tracked is None or tracked.order is None or tracked.order.invoice_key is None:
            return None
        order = tracked.order
        return order, asked(lambda: live.invoice(order))

    def invoice(self, request: Request) -> Response:
        """An order's invoice."""
        found = self._invoice(request)
        if found is None:
            return self._missing("This order has no invoice yet.")
        name = f'inline; filename="{found[0].order_number}.pdf"'
        headers = {"Content-Security-Policy": _PDF_POLICY, "Content-Disposition": name}
        return Response(found[1], media_type="application/pdf", headers=headers)

    def invoice_picture(self, request: Request) -> Response:
        """The first page of an order's invoice, since not every browser shows a PDF inside a page."""
        found = self._invoice(request)
        if found is None:
            return self._missing("This order has no invoice yet.")
        return Response(first_page(found[1]), media_type="image/png")

    def mails(self, request: Request) -> Response:
        """The newest mails."""
        live = self._finder.now()
        asked(live.refresh)
        return self._page("mails.html", "mails", mails=live.mails.newest(_MAILS))

    def _mail(self, request: Request) -> tuple[Mail, Content] | None:
        live = self._finder.now()
        asked(live.refresh)
        mail = live.mails.get(request.path_params["name"])
        return (mail, live.mails.content(mail)) if mail else None

    def mail(self, request: Request) -> Response:
        """One mail: as HTML, as text, or its source."""
        found = self._mail(request)
        form = request.query_params.get("as", "html")
        if found is None or form not in ("html", "text", "source"):
            return self._missing("There is no such mail.")
        mail, content = found
        live = self._finder.now()
        order = asked(lambda: live.find(mail.order_number or ""))
        return self._page("mail.html", "mails", mail=mail, content=content, form=form, order=order)

    def mail_body(self, request: Request) -> Response:
        """The HTML of a mail, for the frame that it is shown in."""
        found = self._mail(request)
        if found is None:
            return self._missing("There is no such mail.")
        return HTMLResponse(found[1].html, headers={"Content-Security-Policy": _MAIL_POLICY})

    def attachment(self, request: Request) -> Response:
        """An attachment of a mail; only PDFs are sent, of which this service's mails have one."""
        found = self._mail(request)
        attachments = found[1].attachments if found else []
        number = request.path_params["number"]
        if number >= len(attachments) or attachments[number].get_content_type() != "application/pdf":
            return self._missing("There is no such attachment.")
        headers = {"Content-Security-Policy": _PDF_POLICY, "Content-Disposition": "inline"}
        return Response(attachments[number].get_content(), media_type="application/pdf", headers=headers)

    def queues(self, request: Request) -> Response:
        """The queues, and the messages in them."""
        live = self._finder.now()
        pairs = asked(live.queues)
        return self._page("queues.html", "queues", pairs=pairs, shown=SHOWN, note=_redriven(request, live))

    async def redrive(self, request: Request) -> Response:
        """Put the messages of a DLQ back."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_BYTES:
                return self._refused()
        token = parse_qs(body.decode(errors="replace")).get("token", [""])[0]
        # Origin names scheme, host and port: another site on this machine differs in the port.
        own = f"{request.url.scheme}://{request.headers['host']}"
        if request.headers.get("origin") != own or not secrets.compare_digest(token.encode(), self._token.encode()):
            return self._refused()
        live = await run_in_threadpool(self._finder.now)
        try:
            name, done = await run_in_threadpool(asked, lambda: live.redrive(request.path_params["function"]))
        except QueueError as error:
            raise StackError(str(error)) from error
        query = urlencode({"redriven": name, "moved": done.moved, "left": done.left})
        return RedirectResponse(f"/queues?{query}", 303)

    def _refused(self) -> HTMLResponse:
        text = "This did not come from a page of the console, or from one of an earlier console: load the page again."
        return self._page("problem.html", "", 403, title="Refused", text=text, retry=False)

    def alarms(self, request: Request) -> Response:
        """The alarms, and their states."""
        return self._page("alarms.html", "alarms", alarms=asked(self._finder.now().alarms))


def _redriven(request: Request, live: LiveStack) -> str:
    """What the redrive that led here did, in a sentence; nothing if none did."""
    name, moved, left = (request.query_params.get(key, "") for key in ("redriven", "moved", "left"))
    if name not in live.stack.outputs["queue_names"].values() or not (moved.isdecimal() and left.isdecimal()):
        return ""
    messages = "1 message" if int(moved) == 1 else f"{int(moved)} messages"
    return f"{messages} put back on {name}; {int(left)} in its DLQ."


def _event(name: str, content: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


def create(directory: Path) -> Starlette:
    """The application for the stack in a folder."""
    return Console(Finder(directory)).app()
