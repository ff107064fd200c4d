"""The console's pages over real HTTP: what they show, what they escape, and which requests they refuse."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
import uvicorn
from botocore.exceptions import EndpointConnectionError

from common.mail_problem import BounceKind, MailKind, MailProblem, MailProblemType
from common.order import Order
from localstack.console import trace
from localstack.console.app import Console
from localstack.console.live import LiveStack, OrderTrace, RequestTrace, StackFinder
from localstack.console.logs import Invocation, Line
from localstack.console.orders import OrderBook, TrackedOrder
from localstack.console.queues import Queue, QueuePair, parse_message
from localstack.mails import MailFolder
from localstack.processes import free_port
from localstack.stack import Running, Stack, StackError
from ops.alarms import Alarm
from ops.queues import QueueError, Redriven
from tests.support.samples import order
from tooling.paths import ROOT
from tooling.polling import poll

ID = "11111111-1111-4111-8111-111111111111"
OTHER_ID = "22222222-2222-4222-8222-222222222222"
HOSTILE = "<script>alert(1)</script>"
MAIL = "1795556580022437161-ccacf7e3"


class FakeStack(LiveStack):
    """A stack of one order, all of whose texts are hostile."""

    def __init__(self, directory: Path) -> None:
        outputs = {"queue_names": {"order_pdf_creator": "bbws-order-pdf-local"}, "api_id": "a1", "stage": "local"}
        self.stack = Stack(directory, outputs=outputs, ports={"engine": 4566})
        self.mails = MailFolder(directory)
        self.book = OrderBook()
        self.redriven: list[str] = []
        self.problem: Exception | None = None

    def refresh(self) -> None:
        for mail in self.mails.refresh():
            self.book.add_mail(mail)

    def id_token(self, email: str) -> str:
        return f"token-of-{email}"

    def newest(self) -> list[TrackedOrder]:
        if self.problem:
            raise self.problem
        return self.book.newest()

    def find(self, text: str) -> TrackedOrder | None:
        return self.book.find(text)

    def trace(self, order_id: str) -> OrderTrace | None:
        tracked = self.book.find(order_id)
        if tracked is None:
            return None
        now = tracked.accepted_at
        line = Line("create_order", "s", "r", now, "ERROR", HOSTILE, "c", {HOSTILE: HOSTILE})
        spans = trace.spans([line], [Invocation("create_order", "r", now, now + timedelta(seconds=1))], [], None)
        found = [
            RequestTrace("Trace", "c", spans, trace.axis(spans), [line]),
            RequestTrace(HOSTILE, "", [], None, []),
        ]
        self.refresh()
        return OrderTrace(tracked, {"accepted": 0.15, "recorded": 2.5}, found, self.mails.newest(5))

    def invoice(self, order: Order) -> bytes:
        return b"%PDF-1.7"

    def queues(self) -> list[QueuePair]:
        message = parse_message({"MessageId": HOSTILE, "Body": json.dumps({"eventType": HOSTILE}), "ReceiveCount": 3})
        return [QueuePair("order_pdf_creator", Queue("q", []), Queue("d", [message] * 21))]

    def redrive(self, function: str) -> tuple[str, Redriven]:
        if self.problem:
            raise self.problem
        self.redriven.append(function)
        return "bbws-order-pdf-local", Redriven(1, 0)

    def alarms(self) -> list[Alarm]:
        return [Alarm("a", "ALARM", HOSTILE, HOSTILE), Alarm("b", "OK", "", "", datetime.now(UTC))]


class FakeFinder(StackFinder):
    """Finds the fake stack, or none."""

    def __init__(self, live: FakeStack) -> None:
        self.live: FakeStack | None = live

    def current(self) -> LiveStack:
        if self.live is None:
            raise StackError("No finished stack was found here. Run `make up`, or wait if it is running.")
        return self.live


class Site:
    """A console that serves."""

    def __init__(self, finder: FakeFinder, live: FakeStack, port: int) -> None:
        self.finder, self.live = finder, live
        self.url = f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=10, **options)

    def token(self) -> str:
        text = self.get("/queues").text
        return text.split('name="token" value="')[1].split('"')[0]

    def redrive(self, token: str, **headers: str) -> requests.Response:
        return self.session.post(
            f"{self.url}/queues/order_pdf_creator/redrive",
            data={"token": token},
            headers={"Origin": self.url, **headers},
            timeout=10,
            allow_redirects=False,
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A console over a stack with one order and one mail."""
    live = FakeStack(tmp_path)
    live.book.add_order(order(order_id=UUID(ID), invoice_key="k", last_updated_by=HOSTILE))
    message = EmailMessage()
    message["To"], message["Subject"] = f'"{HOSTILE}" <a@example.com>', f"New order ORD-2026-00001 of {HOSTILE}"
    message.set_content(HOSTILE)
    message.add_alternative(HOSTILE, subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename=f"{HOSTILE}.pdf")
    message.add_attachment(HOSTILE.encode(), maintype="text", subtype="html", filename="x.html")
    (tmp_path / f"{MAIL}.eml").write_bytes(bytes(message))
    finder, port = FakeFinder(live), free_port()
    server = uvicorn.Server(
        uvicorn.Config(Console(finder).app(), port=port, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    poll("the console serves", lambda: server.started or None, 20)
    site = Site(finder, live, port)
    yield site
    site.session.close()
    server.should_exit = True
    thread.join(20)


PAGES = ["/", f"/orders/{ID}", "/mails", f"/mails/{MAIL}", f"/mails/{MAIL}?as=text", f"/mails/{MAIL}?as=source"]
PAGES += ["/queues", "/alarms", f"/find?q={HOSTILE}"]


@pytest.mark.parametrize("path", PAGES)
def test_hostile_texts_are_escaped(site: Site, path: str) -> None:
    """Texts of orders, mails and messages are escaped, and pages load only the console's own files."""
    response = site.get(path)
    assert response.status_code == (404 if "/find" in path else 200)
    assert HOSTILE not in response.text
    assert ("&lt;script&gt;" in response.text) == (path != "/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_failed_mails_are_shown(site: Site) -> None:
    """An order's page says which of its mails bounced or were reported as spam."""
    at, kind = datetime(2026, 11, 26, 8, 30, tzinfo=UTC), BounceKind.SUPPRESSED
    problems = [
        MailProblem(type=MailProblemType.COMPLAINT, mail=MailKind.CONFIRMATION, at=at),
        MailProblem(type=MailProblemType.BOUNCE, mail=MailKind.STATUS, kind=kind, at=at),
    ]
    assert "× " not in site.get(f"/orders/{ID}").text.split('id="mails"')[1]
    site.live.book.add_order(order(order_id=UUID(ID), mail_problems=problems))
    shown = site.get(f"/orders/{ID}").text.split('id="mails"')[1]
    assert "× confirmation reported as spam</span>" in shown
    assert "× status bounced</span>" in shown
    assert "suppressed" in shown


def test_steps_are_within_late_or_waiting(site: Site) -> None:
    """A step is within its agreed limit, slow, or not reached yet."""
    steps = site.get(f"/orders/{ID}").text.split('<ol class="limits">')[1].split("</ol>")[0].split("<li>")[1:]
    assert "✓ 150 ms</span>" in steps[0]
    assert 'value="0.5"' in steps[0]
    assert "! 2.50 s, slow</span>" in steps[1]
    assert 'value="1"' in steps[1]
    assert all("… waiting</span>" in step for step in steps[2:])


def test_mail_frame_is_sandboxed(site: Site) -> None:
    """A mail's HTML is shown in a sandboxed frame."""
    page = site.get(f"/mails/{MAIL}").text
    assert f'<iframe sandbox src="/mails/{MAIL}/body"' in page
    body = site.get(f"/mails/{MAIL}/body")
    assert body.text.strip() == HOSTILE
    policy = body.headers["Content-Security-Policy"].split("; ")
    assert policy[:2] == ["sandbox", "default-src 'none'"]
    assert not any(rule.startswith("script-src") for rule in policy)


def test_only_pdf_attachments_are_served(site: Site) -> None:
    """Attachments other than PDFs are not served."""
    pdf = site.get(f"/mails/{MAIL}/attachments/0")
    assert (pdf.headers["Content-Type"], pdf.content) == ("application/pdf", b"%PDF-1.7")
    assert site.get(f"/mails/{MAIL}/attachments/1").status_code == 404
    assert site.get(f"/mails/{MAIL}/attachments/2").status_code == 404


def test_invoice_is_served_once_written(site: Site) -> None:
    """The invoice is served as soon as the order has one."""
    response = site.get(f"/orders/{ID}/invoice.pdf")
    assert (response.headers["Content-Type"], response.content) == ("application/pdf", b"%PDF-1.7")
    site.live.book.add_order(order("ORD-2026-00001", order_id=UUID(ID)))
    for kind in ("pdf", "png"):
        assert site.get(f"/orders/{ID}/invoice.{kind}").status_code == 404


def test_unknown_pages_are_404(site: Site) -> None:
    """Unknown pages, orders and mails are 404 with a readable page."""
    for path in ("/nothing", "/orders/x", "/mails/x", "/mails/x/body", f"/mails/{MAIL}?as=raw", "/static/x.js"):
        response = site.get(path)
        assert response.status_code == 404, path
        assert "Not found" in response.text


@pytest.mark.parametrize("path", [f"/orders/{OTHER_ID}", f"/find?q=+{OTHER_ID.upper()}"])
def test_unknown_order_is_looked_for_again(site: Site, path: str) -> None:
    """An order that the console has not read yet has a page that looks again for a while, and then is the order's."""
    response = site.get(path)
    assert response.status_code == 404
    assert 'data-refresh="2000" data-refresh-for="60000"' in response.text
    assert "known yet" in response.text
    site.live.book.add_order(order(order_id=UUID(OTHER_ID)))
    assert site.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/orders/x", f"/orders/{OTHER_ID}x", "/find?q=ORD-2026-00002", "/find?q=e2e-1"])
def test_text_that_is_no_order_id_is_not_looked_for_again(site: Site, path: str) -> None:
    """Only an id that an order can have may belong to an order that was accepted just now."""
    response = site.get(path)
    assert response.status_code == 404
    assert "data-refresh" not in response.text


def test_find_goes_to_order(site: Site) -> None:
    """The search goes to the order with the number."""
    response = site.get("/find?q=ord-2026-00001", allow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (303, f"/orders/{ID}")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_other_host_is_refused(site: Site, host: str) -> None:
    """A request for another host name is refused."""
    response = site.get("/", headers={"Host": host})
    assert response.status_code == 400
    assert "ORD-2026-00001" not in response.text


def test_redrive_is_done_and_reported(site: Site) -> None:
    """A redrive from the console's page is done, and the page says what it did."""
    response = site.redrive(site.token())
    assert response.status_code == 303
    assert site.live.redriven == ["order_pdf_creator"]
    note = "1 message moved back to bbws-order-pdf-local; 0 left in its DLQ."
    assert note in site.get(response.headers["Location"]).text
    assert "moved back to" not in site.get("/queues?redriven=another&moved=1&left=0").text
    assert "moved back to" not in site.get("/queues?redriven=bbws-order-pdf-local&moved=x&left=0").text


def test_redrive_from_other_site_is_refused(site: Site) -> None:
    """A redrive without the console's origin and token is refused."""
    token = site.token()
    for refused in (
        site.redrive(token, Origin="http://evil.example"),
        site.redrive(token, Origin="http://127.0.0.1:1"),
        site.redrive(token, Origin="null"),
        site.redrive(token, Origin=""),
        site.redrive("another"),
        site.redrive("ü"),
        site.redrive("x" * 10_000),
    ):
        assert refused.status_code == 403
    assert site.get("/queues/order_pdf_creator/redrive").status_code == 405
    assert site.live.redriven == []


def test_failed_redrive_says_why(site: Site) -> None:
    """A redrive that fails shows the reason."""
    site.live.problem = QueueError("queue x has no DLQ")
    response = site.redrive(site.token())
    assert response.status_code == 503
    assert "queue x has no DLQ" in response.text


def test_stack_down_names_remedy(site: Site) -> None:
    """When the stack is down, each page says so and names the command that repairs it."""
    site.finder.live = None
    for path in ("/", "/queues", "/alarms", "/mails", f"/orders/{ID}"):
        response = site.get(path)
        assert response.status_code == 503
        assert "Run `make up`" in response.text
    site.finder.live = site.live
    for problem in (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), requests.ConnectionError()):
        site.live.problem = problem
        response = site.get("/")
        assert response.status_code == 503
        assert f"The stack did not respond ({type(problem).__name__})" in response.text
        assert "`make up` repairs it" in response.text


def test_orders_page_shows_each_step(site: Site) -> None:
    """The list shows new orders and their steps, and has the browser refresh it."""
    assert 'data-refresh="1000"' in site.get("/").text
    line = Line("create_order", "s", "r", datetime.now(UTC), "INFO", "order accepted", "c", {"order_id": OTHER_ID})
    site.live.book.add_line(line)
    page = site.get("/").text
    assert page.index(f"row-{OTHER_ID}") < page.index(f"row-{ID}")
    assert 'data-stage="accepted"' in page
    site.live.book.add_line(
        Line("order_creator_record", "s", "r", datetime.now(UTC), "INFO", "order recorded", "c", {"order_id": OTHER_ID})
    )
    assert 'data-stage="accepted"' not in site.get("/").text


def test_finder_follows_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finder reports a missing or unhealthy stack, and finds a restarted one again."""
    finder = StackFinder(tmp_path)
    with pytest.raises(StackError, match="No finished stack"):
        finder.current()
    names = ("function_names", "queue_names", "dlq_names")
    outputs = {**{name: {} for name in names}, "orders_table": "t", "alarm_names": []}
    stack = Stack(tmp_path, ports={"engine": free_port()}, outputs=outputs)
    stack.save()
    with pytest.raises(StackError, match=r"does not respond.*make up"):
        finder.current()
    monkeypatch.setattr("localstack.engines.ministack.MiniStack.healthy", lambda engine, stack: True)
    live = finder.current()
    assert finder.current() is live
    stack.running["engine"] = Running(1, "token")
    stack.save()
    assert finder.current() is not live


def test_api_page_is_signed_in_and_calls_only_the_stack(site: Site) -> None:
    """The page of the API has the token of the chosen user, and may call nothing but this stack."""
    page = site.get("/api/document")
    assert 'data-token="token-of-thandi@acme.example"' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "connect-src 'self' http://127.0.0.1:4566;" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'self'" in policy
    chosen = site.get("/api?user=admin@kimmyai.example").text
    assert "<option selected>admin@kimmyai.example" in chosen
    assert 'src="/api/document?user=admin%40kimmyai.example"' in chosen
    for path in ("/api", "/api/document"):
        assert site.get(f"{path}?user=nobody@acme.example").status_code == 404
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert site.get(f"/static/swagger-ui/{name}").ok


def test_api_document_names_the_stack(site: Site) -> None:
    """The document that the page shows is the committed one, with the address of this stack's API."""
    found = site.get("/api/openapi.json").json()
    committed = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert found == {**committed, "servers": [{"url": "http://127.0.0.1:4566/_aws/execute-api/a1/local"}]}
