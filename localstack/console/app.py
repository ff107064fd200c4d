"""The pages of the console, and what keeps other sites out."""

import io
import json
import secrets
from datetime import UTC, datetime
from email.message import EmailMessage
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from botocore.exceptions import BotoCoreError, ClientError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from common.templates import money
from evidence.content import body, rasterize
from localstack import seed
from localstack.console.live import LiveStack, StackFinder
from localstack.console.orders import NEWEST, is_order_id
from localstack.mails import Mail
from tooling.agreed_limits import LIMITS
from tooling.cli import UserError
from tooling.paths import BASE_CSS, ROOT

_HERE = Path(__file__).resolve().parent
_SWAGGER_UI = Path(str(files("swagger_ui"))) / "static"
_MAILS = 50
_MESSAGES = 20
_FORM_BYTES = 4_096
# An order that was accepted just now may be in no log yet, on a slow machine for some seconds.
_UNKNOWN_SECONDS = 60
_PIXELS_PER_POINT = 2
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A mail holds texts of others: its HTML may style itself, but run nothing and load nothing.
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_PDF_POLICY = "frame-ancestors 'self'; base-uri 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": _PAGE_POLICY,
}


async def _add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Add the headers that the response does not set itself."""
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clock=lambda at: f"{at.astimezone():%H:%M:%S}",
        day=lambda at: f"{at.astimezone():%-d %B %Y, %H:%M:%S}",
        duration=_duration,
        limit="{:g} s".format,
        money=money,
    )
    environment.globals["limits"] = LIMITS
    return environment


class Console:
    """The pages of one stack."""

    def __init__(self, finder: StackFinder) -> None:
        self._finder = finder
        self._templates = _templates()
        # Unknown to the forms of other sites.
        self._token = secrets.token_urlsafe(24)

    def app(self) -> Starlette:
        errors = (UserError, BotoCoreError, ClientError, OSError)
        return Starlette(
            routes=[
                Route("/", self.orders),
                Route("/find", self.find),
                Route("/orders/{order_id}", self.order),
                Route("/orders/{order_id}/invoice.{form}", self.invoice),
                Route("/mails", self.mails),
                Route("/mails/{name}", self.mail),
                Route("/mails/{name}/body", self.mail_body),
                Route("/mails/{name}/attachments/{number:int}", self.attachment),
                Route("/queues", self.queues),
                Route("/queues/{function}/redrive", self.redrive, methods=["POST"]),
                Route("/alarms", self.alarms),
                Route("/api", self.api),
                Route("/api/document", self.api_document_page),
                Route("/api/openapi.json", self.api_document),
                Mount("/static/swagger-ui", StaticFiles(directory=_SWAGGER_UI)),
                Route("/static/base.css", lambda request: FileResponse(BASE_CSS)),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ],
            middleware=[
                Middleware(BaseHTTPMiddleware, dispatch=_add_headers),
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False),
            ],
            exception_handlers={**dict.fromkeys(errors, self._down), 404: self._not_found},
        )

    def _page(self, template: str, page: str, status: int = 200, **context: Any) -> HTMLResponse:
        content = self._templates.get_template(template).render(page=page, token=self._token, **context)
        return HTMLResponse(content, status)

    def _problem(
        self, status: int, title: str, text: str, retry: bool = False, retry_seconds: int | None = None
    ) -> HTMLResponse:
        """A page that says what is wrong; with `retry` it looks again, without an end if no seconds are given."""
        context = {"title": title, "text": text, "retry": retry, "retry_seconds": retry_seconds}
        return self._page("problem.html", "", status, **context)

    def _down(self, request: Request, error: Exception) -> Response:
        text = str(error)
        if not isinstance(error, UserError):
            text = f"The stack did not respond ({type(error).__name__}). If this lasts, `make up` repairs it."
        return self._problem(503, "The stack is down", text, retry=True)

    def _unknown(self, text: str) -> Response:
        """The page of an order that may have been accepted just now: it looks for the order again for a while."""
        return self._problem(404, "No such order yet", text, retry=True, retry_seconds=_UNKNOWN_SECONDS)

    def _not_found(self, request: Request, error: Exception) -> Response:
        detail = error.detail if isinstance(error, HTTPException) and error.detail != "Not Found" else ""
        text = detail or "This page does not exist."
        return self._problem(404, "Not found", text)

    def orders(self, request: Request) -> Response:
        orders = self._finder.current().newest()
        return self._page("orders.html", "orders", orders=orders, newest=NEWEST, now=datetime.now(UTC))

    def find(self, request: Request) -> Response:
        """Go to the order with a number, id or correlation id."""
        text = request.query_params.get("q", "")
        found = self._finder.current().find(text)
        if found is None and is_order_id(text.strip().lower()):
            return self._unknown(f"No order with the id or correlation id “{text}” is known yet.")
        if found is None:
            raise HTTPException(404, f"No order has the number, id or correlation id “{text}”.")
        return RedirectResponse(f"/orders/{found.order_id}", 303)

    def order(self, request: Request) -> Response:
        """An order with its traces, mails and invoice."""
        order_id = request.path_params["order_id"]
        found = self._finder.current().trace(order_id)
        if found is None and is_order_id(order_id):
            return self._unknown(f"Nothing is known yet of an order with the id {order_id}.")
        if found is None:
            raise HTTPException(404, "This order does not exist.")
        return self._page("order.html", "orders", trace=found, order=found.tracked.order)

    def invoice(self, request: Request) -> Response:
        """The invoice as a PDF, or its first page as a PNG: not every browser shows a PDF inside a page."""
        live = self._finder.current()
        tracked, form = live.find(request.path_params["order_id"]), request.path_params["form"]
        order = tracked.order if tracked else None
        if order is None or order.invoice_key is None or form not in ("pdf", "png"):
            raise HTTPException(404, "This order has no invoice yet.")
        pdf = live.invoice(order)
        if form == "pdf":
            return _pdf(pdf, str(order.order_number))
        picture = io.BytesIO()
        rasterize(pdf, _PIXELS_PER_POINT, pages=1)[0].save(picture, "PNG")
        return Response(picture.getvalue(), media_type="image/png")

    def mails(self, request: Request) -> Response:
        live = self._finder.current()
        live.refresh()
        return self._page("mails.html", "mails", mails=live.mails.newest(_MAILS))

    def _mail(self, request: Request) -> tuple[LiveStack, Mail, EmailMessage]:
        live = self._finder.current()
        live.refresh()
        mail = live.mails.get(request.path_params["name"])
        if mail is None:
            raise HTTPException(404, "This mail does not exist.")
        return live, mail, live.mails.read(mail)

    def mail(self, request: Request) -> Response:
        """One mail: as HTML, as text, or its source."""
        live, mail, message = self._mail(request)
        form = request.query_params.get("as", "html")
        if form not in ("html", "text", "source"):
            raise HTTPException(404)
        order = live.find(mail.key)
        text = body(message, "plain") if form == "text" else bytes(message).decode(errors="replace")
        return self._page("mail.html", "mails", mail=mail, message=message, text=text, form=form, order=order)

    def mail_body(self, request: Request) -> Response:
        """The HTML of a mail, for its frame."""
        return HTMLResponse(body(self._mail(request)[2], "html"), headers={"Content-Security-Policy": _MAIL_POLICY})

    def attachment(self, request: Request) -> Response:
        """A PDF attached to a mail; other types are not served."""
        attachments, number = list(self._mail(request)[2].iter_attachments()), request.path_params["number"]
        if number >= len(attachments) or attachments[number].get_content_type() != "application/pdf":
            raise HTTPException(404, "This attachment does not exist.")
        return _pdf(attachments[number].get_content(), "attachment")

    def queues(self, request: Request) -> Response:
        live = self._finder.current()
        return self._page("queues.html", "queues", pairs=live.queues(), limit=_MESSAGES, note=_redriven(request, live))

    async def redrive(self, request: Request) -> Response:
        form = b""
        async for chunk in request.stream():
            form += chunk
            if len(form) > _FORM_BYTES:
                return self._refused()
        token = parse_qs(form.decode(errors="replace")).get("token", [""])[0]
        # Origin names scheme, host and port: another site on this machine differs in the port.
        own = f"{request.url.scheme}://{request.headers['host']}"
        if request.headers.get("origin") != own or not secrets.compare_digest(token.encode(), self._token.encode()):
            return self._refused()
        live = await run_in_threadpool(self._finder.current)
        name, done = await run_in_threadpool(live.redrive, request.path_params["function"])
        query = urlencode({"redriven": name, "moved": done.moved, "left": done.left})
        return RedirectResponse(f"/queues?{query}", 303)

    def _refused(self) -> HTMLResponse:
        text = "The request came from another site, or from a page of an earlier console. Load the page again."
        return self._problem(403, "Refused", text)

    def alarms(self, request: Request) -> Response:
        return self._page("alarms.html", "alarms", alarms=self._finder.current().alarms())

    def _chosen_user(self, request: Request) -> tuple[str, list[str]]:
        """The chosen user of the fixtures, and all of them."""
        users = [user["email"] for user in seed.users()]
        user = request.query_params.get("user", users[0])
        if user not in users:
            raise HTTPException(404, f"There is no user “{user}”.")
        return user, users

    def api(self, request: Request) -> Response:
        """The API document in a frame, to try out as a user of the fixtures."""
        user, users = self._chosen_user(request)
        return self._page("api.html", "api", users=users, user=user)

    def api_document_page(self, request: Request) -> Response:
        """The frame: Swagger UI, signed in; the styles of the console do not reach it."""
        live, (user, _) = self._finder.current(), self._chosen_user(request)
        response = self._page("api_document.html", "api", id_token=live.id_token(user))
        # It calls the API at its own address, and its style sheet has icons.
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
            f"connect-src 'self' {live.stack.endpoint}; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
        )
        return response

    def api_document(self, request: Request) -> Response:
        """The API document, with the address of this stack's API."""
        document = json.loads((ROOT / "docs" / "openapi.json").read_text())
        return JSONResponse({**document, "servers": [{"url": self._finder.current().stack.api_url}]})


def _pdf(content: bytes, name: str) -> Response:
    headers = {"Content-Security-Policy": _PDF_POLICY, "Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


def _redriven(request: Request, live: LiveStack) -> str:
    """What the redrive that led to this page did; empty without one."""
    name, moved, left = (request.query_params.get(key, "") for key in ("redriven", "moved", "left"))
    if name not in live.stack.outputs["queue_names"].values() or not (moved.isdecimal() and left.isdecimal()):
        return ""
    messages = "1 message" if int(moved) == 1 else f"{int(moved)} messages"
    return f"{messages} moved back to {name}; {int(left)} left in its DLQ."
