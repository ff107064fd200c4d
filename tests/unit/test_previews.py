"""`make preview`: everything is rendered without AWS, errors name their line, and changes are rendered again."""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from jinja2 import FileSystemLoader

from common import clients, mail, templates
from common.errors import RejectionCode
from localstack import processes
from localstack.preview import book, render, server
from localstack.preview.render import (
    CONFIRMATION,
    INVOICE,
    NOTIFICATION,
    PROBLEM,
    PROBLEMS,
    REJECTION,
    STATUS,
    STATUSES,
    Preview,
    previews,
)
from localstack.preview.samples import orders
from localstack.processes import free_port
from localstack.stack import StackError
from tests.support import browser
from tests.support.samples import order_recorded
from tooling.paths import ROOT
from tooling.polling import poll

# Renders every template and its pictures.
pytestmark = pytest.mark.slow("common", "functions", "localstack", "templates", "tests/support", "tooling")

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


def test_every_template_has_every_sample() -> None:
    """Every template is previewed with every sample."""
    shown = {(preview.template, preview.sample) for preview in previews()}
    assert shown == {
        *((template, name) for template in (CONFIRMATION, NOTIFICATION, INVOICE) for name in orders()),
        *((STATUS, status.value.lower()) for status in STATUSES),
        *((REJECTION, code.value.lower()) for code in RejectionCode),
        *((PROBLEM, name) for name in PROBLEMS),
    }
    names = {str(path.relative_to(templates.PACKAGED).with_suffix("")) for path in templates.PACKAGED.rglob("*.html")}
    assert {template for template, _ in shown} == names - {"mail/layout", "mail/order_table"}


def test_preview_calls_no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Previews build no AWS client and open no connection."""

    def refuse(*_: Any) -> None:
        raise AssertionError("an AWS client was built or called")

    for name in ("s3", "ses", "sqs", "sns", "dynamodb", "dynamodb_for_mail_records"):
        monkeypatch.setattr(clients, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert [render.render(preview).error for preview in previews()] == [""] * len(previews())


@pytest.mark.parametrize("name", ["MAIL_FROM", "MAIL_REPLY_TO", "INTERNAL_NOTIFICATION_EMAIL"])
def test_preview_ignores_addresses_of_the_shell(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A variable that mail programs read too changes no mail."""
    monkeypatch.setenv(name, "me@home.example")
    sent = render.message(Preview(NOTIFICATION, "campaign"))
    assert "me@home.example" not in (sent["From"], sent["Reply-To"], sent["To"])


def test_templates_come_from_s3_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of previews, templates come from S3."""
    requested: list[str] = []

    def read(name: str) -> str:
        requested.append(name)
        return (templates.PACKAGED / name).read_text()

    monkeypatch.setattr(templates._Bucket, "read", lambda _, name: read(name))
    templates._bucket.cache_clear()
    order = orders()["one-line"]
    mail.order_notification(order, order_recorded(order, "c-1"))
    mail_parts = ["internal/order_notification.html", "mail/layout.html", "mail/order_table.html"]
    assert requested == [*mail_parts, "internal/order_notification.txt"]


def test_syntax_error_names_line(packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A syntax error names file and line, and the next rendering sees the fix."""
    path = packaged / "mail" / "order_table.html"
    line = edit(path, "{% for item", "{% fro item")
    error = render.render(Preview(CONFIRMATION, "one-line")).error
    assert error.startswith(f"templates/mail/order_table.html:{line}: ")
    assert "fro" in error
    edit(path, "{% fro item", "{% for item")
    monkeypatch.setattr(templates, "_packaged", templates.environment(FileSystemLoader(packaged)))
    assert render.render(Preview(CONFIRMATION, "one-line")).error == ""


def test_undefined_name_names_line(packaged: Path) -> None:
    """An undefined name is an error with file and line."""
    line = edit(packaged / "invoice" / "invoice.html", "order.subtotal", "order.subtoal")
    error = render.render(Preview(INVOICE, "one-line")).error
    assert error.startswith(f"templates/invoice/invoice.html:{line}: ")
    assert "subtoal" in error


def test_broken_template_leaves_others(packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken template is reported on its page, and the others are rendered."""
    mails = [preview for preview in previews() if preview.template != INVOICE]
    monkeypatch.setattr(book, "previews", lambda: mails)
    line = edit(packaged / "customer" / "order_status_update.txt", "{{ message }}", "{{ massage }}")
    results = book.write(tmp_path / "book")
    assert sum(bool(result.error) for result in results.values()) == len(STATUSES)
    page = (tmp_path / "book" / "order-status-update.paid" / "index.html").read_text()
    assert f"templates/customer/order_status_update.txt:{line}: " in page
    good = tmp_path / "book" / "order-confirmation.markup"
    assert (good / "source.html").read_text() == render.render(Preview(CONFIRMATION, "markup")).html
    assert "<script>alert(1)</script>" in (good / "text.txt").read_text()
    assert "<script>alert(1)</script>" not in (good / "index.html").read_text()
    index = (tmp_path / "book" / "index.html").read_text()
    assert all(f"{preview.slug}/index.html" in index for preview in mails)


def test_page_shows_mail_and_invoice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of a mail shows it wide and narrow, light and dark; the page of an invoice shows its PDF."""
    monkeypatch.setattr(book, "previews", lambda: [Preview(STATUS, "paid"), Preview(INVOICE, "one-line")])
    book.write(tmp_path)
    of_mail, of_invoice = (tmp_path / name for name in ("order-status-update.paid", "invoice.one-line"))
    assert {path.name for path in of_mail.iterdir()} == {
        *("index.html", "source.html", "light.html", "dark.html", "text.txt")
    }
    page = (of_mail / "index.html").read_text()
    shown = re.findall(r'<iframe sandbox style="width: (\d+)px" src="(\w+).html', page)
    assert set(shown) == {("640", "light"), ("360", "light"), ("640", "dark"), ("360", "dark")}
    assert "@media all {" in (of_mail / "dark.html").read_text()
    assert "@media not all {" in (of_mail / "light.html").read_text()
    assert (of_invoice / "document.pdf").read_bytes() == render.render(Preview(INVOICE, "one-line")).pdf
    assert '<iframe src="document.pdf' in (of_invoice / "index.html").read_text()


def test_first_page_exists_at_once(tmp_path: Path) -> None:
    """There is a page before the first rendering has finished."""
    book.begin(tmp_path / "book")
    index = tmp_path / "book" / "index.html"
    assert "are being rendered" in index.read_text()
    index.write_text("a former one")
    book.begin(tmp_path / "book")
    assert index.read_text() == "a former one"


def test_broken_samples_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Samples that do not run are reported in the terminal and on the page."""

    def broken() -> None:
        raise ValueError("quantity must be at least 1")

    monkeypatch.setattr(book, "previews", broken)
    monkeypatch.setattr(book, "BOOK", tmp_path)
    monkeypatch.setattr(book, "write", broken)
    assert server.run(0, once=True) == 1
    assert "quantity must be at least 1" in capsys.readouterr().err
    assert "quantity must be at least 1" in (tmp_path / "index.html").read_text()


def test_missing_chromium_names_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Chromium the error says how to install it."""
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(browser.BrowserError, match=r"no Chromium or Chrome was found: .*playwright install"):
        browser.find()


def test_taken_port_is_refused() -> None:
    """A port that is taken is an error that names who has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StackError, match="is taken by"):
        server.run(taken.getsockname()[1])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of served previews, and a template that they follow; rendering increases their version."""
    folder, sources = tmp_path / "book", tmp_path / "sources"
    folder.mkdir()
    sources.mkdir()
    (folder / "index.html").write_text("<p>Previews</p>")
    (folder / book.VERSION).write_text("1")
    source = sources / "mail.html"
    source.write_text("one")
    render = tmp_path / "render.py"
    render.write_text(
        f"import pathlib, sys; sys.path.append({str(ROOT)!r}); from tooling.files import write_whole; "
        f"v = pathlib.Path({str(folder / book.VERSION)!r}); write_whole(v, str(int(v.read_text()) + 1))"
    )
    port = free_port()
    command = shlex.join([sys.executable, str(render)])
    call = f"serve({port}, Path({str(folder)!r}), [Path({str(sources)!r})], {command!r})"
    script = f"from pathlib import Path; from localstack.preview.server import serve; {call}"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    poll("the previews' server", lambda: processes.listens(port) or None, SECONDS)
    yield f"http://127.0.0.1:{port}", source
    process.send_signal(signal.SIGINT)
    process.wait(SECONDS)


def test_change_renders_again(served: tuple[str, Path]) -> None:
    """Previews are rendered at the start and after each change, and the page can see the new version."""
    address, source = served
    with requests.Session() as client:
        client.trust_env = False

        def version() -> int:
            return int(client.get(f"{address}/{book.VERSION}", timeout=SECONDS).text)

        response = client.get(f"{address}/", timeout=SECONDS)
        assert response.text == "<p>Previews</p>"
        assert response.headers["Cache-Control"] == "no-store"
        rendered = poll("the first rendering", lambda: version() if version() > 1 else None, SECONDS)

        def changed() -> int | None:
            # A watcher that has just started may miss a change, so save until it sees one.
            source.write_text(str(time.monotonic()))
            return version() if version() > rendered else None

        poll("another rendering", changed, SECONDS)
