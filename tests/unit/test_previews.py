"""`make preview`: everything is shown without AWS, errors say where they are, and the browser is told of changes."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from jinja2 import FileSystemLoader

from common import clients, mail, templates
from common.status import OrderStatus
from localstack import browser
from localstack.preview import __main__ as command_line
from localstack.preview import book, render, server
from localstack.preview.render import CONFIRMATION, INVOICE, NOTIFICATION, STATUS, Subject, subjects
from localstack.preview.samples import orders
from localstack.processes import free_port
from tooling.paths import ROOT
from tooling.polling import poll

# WeasyPrint's own lines, which nobody counts, would be watched; ours are counted in other tests.
pytestmark = pytest.mark.no_cover

SECONDS = 30


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the templates, which a test may break."""
    folder = tmp_path / "templates"
    shutil.copytree(templates.PACKAGED, folder)
    monkeypatch.setattr(templates, "PACKAGED", folder)
    monkeypatch.setattr(render, "PACKAGED", folder)
    monkeypatch.setattr(templates, "_packaged", templates.environment(FileSystemLoader(folder)))
    return folder


def edit(path: Path, old: str, new: str) -> int:
    """Change a template and return the line of the change."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_every_template_is_shown_with_every_sample() -> None:
    shown = {(subject.template, subject.sample) for subject in subjects()}
    assert shown == {
        *((template, name) for template in (CONFIRMATION, NOTIFICATION, INVOICE) for name in orders()),
        *((STATUS, status.value.lower()) for status in OrderStatus),
    }
    names = {str(path.relative_to(templates.PACKAGED).with_suffix("")) for path in templates.PACKAGED.rglob("*.html")}
    assert {template for template, _ in shown} == names - {"mail/layout", "mail/order_table"}


def test_nothing_is_asked_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("an AWS client was built or called")

    for name in ("s3", "ses", "sqs", "sns", "dynamodb", "dynamodb_for_mail_records"):
        monkeypatch.setattr(clients, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert [render.render(subject).error for subject in subjects()] == [""] * len(subjects())


def test_outside_of_a_preview_templates_come_from_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(name: str) -> str:
        asked.append(name)
        return (templates.PACKAGED / name).read_text()

    monkeypatch.setattr(templates, "_read_from_bucket", read)
    templates._bucket.cache_clear()
    mail.order_notification(orders()["one-line"], "c-1")
    mail_parts = ["internal/order_notification.html", "mail/layout.html", "mail/order_table.html"]
    assert asked == [*mail_parts, "internal/order_notification.txt"]


def test_an_error_of_syntax_says_where_it_is_and_a_repair_is_seen(
    packaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packaged / "mail" / "order_table.html"
    line = edit(path, "{% for item", "{% fro item")
    error = render.render(Subject(CONFIRMATION, "one-line")).error
    assert error.startswith(f"templates/mail/order_table.html:{line}: ")
    assert "fro" in error
    edit(path, "{% fro item", "{% for item")
    monkeypatch.setattr(templates, "_packaged", templates.environment(FileSystemLoader(packaged)))
    assert render.render(Subject(CONFIRMATION, "one-line")).error == ""


def test_a_name_that_there_is_not_says_where_it_is(packaged: Path) -> None:
    line = edit(packaged / "invoice" / "invoice.html", "order.subtotal", "order.subtoal")
    error = render.render(Subject(INVOICE, "one-line")).error
    assert error.startswith(f"templates/invoice/invoice.html:{line}: ")
    assert "subtoal" in error


def test_a_broken_template_leaves_the_others_and_is_told_on_its_page(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [subject for subject in subjects() if subject.template != INVOICE]
    monkeypatch.setattr(book, "subjects", lambda: mails)
    line = edit(packaged / "customer" / "order_status_update.txt", "{{ message }}", "{{ massage }}")
    made = book.Book(tmp_path / "book")
    made.write()
    assert len(made.errors) == len(OrderStatus)
    page = (tmp_path / "book" / "order-status-update.paid" / "index.html").read_text()
    assert f"templates/customer/order_status_update.txt:{line}: " in page
    good = tmp_path / "book" / "order-confirmation.markup"
    assert (good / "source.html").read_text() == render.render(Subject(CONFIRMATION, "markup")).html
    assert "<script>alert(1)</script>" in (good / "text.txt").read_text()
    assert "<script>alert(1)</script>" not in (good / "index.html").read_text()
    index = (tmp_path / "book" / "index.html").read_text()
    assert all(f"{subject.slug}/index.html" in index for subject in mails)


def test_pictures_are_taken_of_what_has_changed_only(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "subjects", lambda: [Subject(STATUS, "paid"), Subject(INVOICE, "one-line")])
    made = book.Book(tmp_path / "book")
    made.write()
    assert made.draw() == 2
    names = {path.name for path in (tmp_path / "book" / "order-status-update.paid").iterdir()}
    pictures = {"light-640.png", "dark-640.png", "light-360.png", "dark-360.png"}
    assert names == {*pictures, "index.html", "source.html", "text.txt", "document.pdf", "drawn.sha256"}
    assert "page-01.png" in {path.name for path in (tmp_path / "book" / "invoice.one-line").iterdir()}
    edit(packaged / "customer" / "order_status_update.txt", "We've received your payment", "Paid")
    monkeypatch.setattr(templates, "_packaged", templates.environment(FileSystemLoader(packaged)))
    again = book.Book(tmp_path / "book")
    again.write()
    assert again.draw() == 1
    assert again.draw() == 0


def test_there_is_a_page_before_the_first_is_made(tmp_path: Path) -> None:
    made = book.Book(tmp_path / "book")
    made.begin()
    index = tmp_path / "book" / "index.html"
    assert "They are being made" in index.read_text()
    index.write_text("a former one")
    made.begin()
    assert index.read_text() == "a former one"


def test_samples_that_do_not_run_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def broken() -> None:
        raise ValueError("quantity must be at least 1")

    monkeypatch.setattr(book, "subjects", broken)
    monkeypatch.setattr(command_line, "Book", lambda: book.Book(tmp_path))
    monkeypatch.setattr(sys, "argv", ["preview", "--once"])
    assert command_line.main() == 1
    assert "quantity must be at least 1" in capsys.readouterr().err
    assert "quantity must be at least 1" in (tmp_path / "index.html").read_text()


def test_a_machine_without_chromium_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(browser.BrowserError, match=r"no Chromium or Chrome was found.*apt-get install chromium"):
        browser.find()


@pytest.mark.parametrize("port", ["0", "x", "99999"])
def test_a_port_that_is_none_is_told(port: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("PREVIEW_PORT", port)
    monkeypatch.setattr(sys, "argv", ["preview"])
    assert command_line.main() == 1
    assert "PREVIEW_PORT" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PREVIEW_PORT", str(taken.getsockname()[1]))
        monkeypatch.setattr(sys, "argv", ["preview"])
        assert command_line.main() == 1
    assert "is taken by" in capsys.readouterr().err


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The address of a served book, and a template that it follows; making it is counting its version up."""
    folder, sources = tmp_path / "book", tmp_path / "sources"
    folder.mkdir()
    sources.mkdir()
    (folder / "index.html").write_text("<p>Previews</p>")
    (folder / book.VERSION).write_text("1")
    source = sources / "mail.html"
    source.write_text("one")
    version = f"pathlib.Path({str(folder / book.VERSION)!r})"
    script = f"import pathlib; version = {version}; version.write_text(str(int(version.read_text()) + 1))"
    monkeypatch.setattr(server, "command", lambda: [sys.executable, "-c", script])
    port = free_port()
    application = server.application(folder, [sources])
    running = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=running.run)
    thread.start()
    poll("the previews' server", lambda: running.started or None, SECONDS)
    yield f"http://127.0.0.1:{port}", source
    running.should_exit = True
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_change_is_made_and_the_browser_told(served: tuple[str, Path]) -> None:
    address, source = served
    with requests.Session() as client:
        client.trust_env = False
        answer = client.get(f"{address}/", timeout=SECONDS)
        assert answer.text == "<p>Previews</p>"
        assert answer.headers["Cache-Control"] == "no-store"
        with client.get(f"{address}/events", stream=True, timeout=SECONDS) as events:
            assert events.headers["Content-Type"].startswith("text/event-stream")
            lines = (line for line in events.iter_lines(chunk_size=1, decode_unicode=True) if line)
            # It is made when the server starts.
            while next(lines) != "data: 2":
                pass
            # A watcher that starts tells nobody; so it is written until somebody has seen it.
            stop = threading.Event()

            def save() -> None:
                while not stop.wait(0.2):
                    source.write_text(str(time.monotonic()))

            saving = threading.Thread(target=save)
            saving.start()
            try:
                assert int(next(lines).removeprefix("data: ")) > 2
            finally:
                stop.set()
                saving.join(SECONDS)


def test_make_knows_the_command() -> None:
    for given, option in (("ONCE=1", "--once"), ("ACCEPT=1", "--accept")):
        done = subprocess.run(
            ["make", "-n", "preview", given], capture_output=True, text=True, timeout=SECONDS, check=True, cwd=ROOT
        )
        assert f"-m localstack.preview {option}" in done.stdout
