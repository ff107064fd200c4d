"""The console's pages over real HTTP: what they show, what they escape, and whom they refuse."""

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

from common.order import Order
from localstack.console import trace
from localstack.console.alarms import Alarm
from localstack.console.app import Console
from localstack.console.live import Finder, LiveStack, Story, Way, asked
from localstack.console.logs import Call, Line
from localstack.console.mails import MailFolder
from localstack.console.orders import OrderBook, Tracked
from localstack.console.queues import Pair, Queue, message_of
from localstack.processes import free_port
from localstack.stack import Running, Stack, StackError
from ops.queues import QueueError, Redriven
from tests.support.samples import order
from tooling.polling import poll

ID = "11111111-1111-4111-8111-111111111111"
HOSTILE = "<script>alert(1)</script>"
MAIL = "1795556580022437161-ccacf7e3"


class FakeStack(LiveStack):
    """A stack of one order, all of whose texts are hostile."""

    def __init__(self, directory: Path) -> None:
        outputs = {"queue_names": {"order_pdf_creator": "bbws-order-pdf-local"}}
        self.stack = Stack(directory, outputs=outputs)
        self.mails = MailFolder(directory)
        self.book = OrderBook()
        self.redriven: list[str] = []
        self.problem: Exception | None = None

    def refresh(self) -> None:
        for mail in self.mails.refresh():
            self.book.note_mail(mail)

    def newest(self) -> list[Tracked]:
        if self.problem:
            raise self.problem
        return self.book.newest()

    def find(self, text: str) -> Tracked | None:
        return self.book.find(text)

    def story(self, order_id: str) -> Story | None:
        tracked = self.book.find(order_id)
        if tracked is None:
            return None
        now = tracked.began
        line = Line("create_order", "s", "r", now, "ERROR", HOSTILE, "c", {HOSTILE: HOSTILE})
        spans = trace.spans([line], [Call("create_order", "r", now, now + timedelta(seconds=1))], [], None)
        ways = [Way("Order", "c", spans, trace.axis(spans), [line]), Way(HOSTILE, "", [], None, [])]
        self.refresh()
        return Story(tracked, trace.milestones(now, tracked.moments), ways, self.mails.newest(5))

    def invoice(self, order: Order) -> bytes:
        return b"%PDF-1.7"

    def queues(self) -> list[Pair]:
        message = message_of({"MessageId": HOSTILE, "Body": json.dumps({"eventType": HOSTILE}), "ReceiveCount": 3})
        return [Pair("order_pdf_creator", Queue("q", []), Queue("d", [message] * 21))]

    def redrive(self, function: str) -> tuple[str, Redriven]:
        if self.problem:
            raise self.problem
        self.redriven.append(function)
        return "bbws-order-pdf-local", Redriven(1, 0)

    def alarms(self) -> list[Alarm]:
        return [Alarm("a", HOSTILE, "ALARM", HOSTILE, None), Alarm("b", "", "OK", "", datetime.now(UTC))]


class FakeFinder(Finder):
    """Finds the fake stack, or none."""

    def __init__(self, live: FakeStack) -> None:
        self.live: FakeStack | None = live

    def now(self) -> LiveStack:
        if self.live is None:
            raise StackError("There is no finished stack here. Run `make up`, or wait if it runs.")
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
    live.book.note_order(order(order_id=UUID(ID), invoice_key="k", last_updated_by=HOSTILE))
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
def test_nothing_is_shown_unescaped_and_no_page_runs_or_fetches_what_is_not_its_own(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == (404 if "/find" in path else 200)
    assert HOSTILE not in answer.text
    assert ("&lt;script&gt;" in answer.text) == (path != "/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_mail_is_shown_in_a_frame_that_may_do_nothing(site: Site) -> None:
    page = site.get(f"/mails/{MAIL}").text
    assert f'<iframe class="letter" sandbox src="/mails/{MAIL}/body"' in page
    body = site.get(f"/mails/{MAIL}/body")
    assert body.text.strip() == HOSTILE
    policy = body.headers["Content-Security-Policy"].split("; ")
    assert policy[:2] == ["sandbox", "default-src 'none'"]
    assert not any(rule.startswith("script-src") for rule in policy)


def test_an_attachment_is_sent_if_it_is_a_pdf(site: Site) -> None:
    pdf = site.get(f"/mails/{MAIL}/attachments/0")
    assert (pdf.headers["Content-Type"], pdf.content) == ("application/pdf", b"%PDF-1.7")
    assert site.get(f"/mails/{MAIL}/attachments/1").status_code == 404
    assert site.get(f"/mails/{MAIL}/attachments/2").status_code == 404


def test_an_invoice_is_sent_once_it_is_there(site: Site) -> None:
    answer = site.get(f"/orders/{ID}/invoice.pdf")
    assert (answer.headers["Content-Type"], answer.content) == ("application/pdf", b"%PDF-1.7")
    site.live.book.note_order(order("ORD-2026-00001", order_id=UUID(ID)))
    for kind in ("pdf", "png"):
        assert site.get(f"/orders/{ID}/invoice.{kind}").status_code == 404


def test_what_is_not_there_is_said_to_be_missing(site: Site) -> None:
    for path in ("/nothing", "/orders/x", "/mails/x", "/mails/x/body", f"/mails/{MAIL}?as=raw", "/static/x.js"):
        answer = site.get(path)
        assert answer.status_code == 404, path
        assert "Not found" in answer.text


def test_an_order_is_found_by_its_number(site: Site) -> None:
    answer = site.get("/find?q=ord-2026-00001", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{ID}")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_that_another_site_has_pointed_here_is_refused(site: Site, host: str) -> None:
    answer = site.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert "ORD-2026-00001" not in answer.text


def test_a_redrive_from_the_page_itself_is_done_and_told(site: Site) -> None:
    answer = site.redrive(site.token())
    assert answer.status_code == 303
    assert site.live.redriven == ["order_pdf_creator"]
    note = "1 message put back on bbws-order-pdf-local; 0 in its DLQ."
    assert note in site.get(answer.headers["Location"]).text
    assert "put back on" not in site.get("/queues?redriven=another&moved=1&left=0").text
    assert "put back on" not in site.get("/queues?redriven=bbws-order-pdf-local&moved=x&left=0").text


def test_a_redrive_from_elsewhere_is_refused(site: Site) -> None:
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


def test_a_redrive_that_cannot_be_done_says_why(site: Site) -> None:
    site.live.problem = QueueError("queue x has no DLQ")
    answer = site.redrive(site.token())
    assert answer.status_code == 503
    assert "queue x has no DLQ" in answer.text


def test_a_stack_that_is_down_says_so_with_the_command(site: Site) -> None:
    site.finder.live = None
    for path in ("/", "/queues", "/alarms", "/mails", f"/orders/{ID}"):
        answer = site.get(path)
        assert answer.status_code == 503
        assert "Run `make up`" in answer.text
    site.finder.live = site.live
    site.live.problem = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    assert "run `make up`" in site.get("/").text


def test_orders_come_as_they_move_and_a_lost_stack_is_told(site: Site) -> None:
    answer = site.get("/events", stream=True)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = (line for line in answer.iter_lines(decode_unicode=True) if line and not line.startswith(":"))

    def event() -> tuple[str, Any]:
        name, data = next(lines), next(lines)
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    try:
        name, content = event()
        assert (name, content["keep"]) == ("rows", [ID])
        assert "ORD-2026-00001" in content["rows"][0]["html"]
        line = Line("create_order", "s", "r", datetime.now(UTC), "INFO", "order accepted", "c", {"order_id": MOVED})
        site.live.book.note_line(line)
        name, content = event()
        assert (name, content["keep"]) == ("rows", [MOVED, ID])
        assert [row["id"] for row in content["rows"]] == [MOVED]
        site.finder.live = None
        name, content = event()
        assert name == "down"
        assert "Run `make up`" in content["text"]
        anew = FakeStack(site.live.stack.directory)
        site.finder.live = anew
        assert [event()[0], event()[0]] == ["anew", "rows"]
    finally:
        answer.close()


MOVED = "22222222-2222-4222-8222-222222222222"


def test_a_stack_is_found_when_it_is_up_and_found_anew_when_its_engine_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = Finder(tmp_path)
    with pytest.raises(StackError, match="no finished stack"):
        finder.now()
    names = ("function_names", "queue_names", "dlq_names")
    outputs = {**{name: {} for name in names}, "orders_table": "t", "alarm_names": []}
    stack = Stack(tmp_path, ports={"engine": free_port()}, outputs=outputs)
    stack.save()
    with pytest.raises(StackError, match=r"does not answer.*make up"):
        finder.now()
    monkeypatch.setattr("localstack.engines.ministack.MiniStack.healthy", lambda engine, stack: True)
    live = finder.now()
    assert finder.now() is live
    stack.running["engine"] = Running(1, 1.0)
    stack.save()
    assert finder.now() is not live


def test_what_a_stack_does_not_answer_is_a_sentence() -> None:
    def refuse() -> None:
        raise requests.ConnectionError

    with pytest.raises(StackError, match=r"did not answer \(ConnectionError\)"):
        asked(refuse)
