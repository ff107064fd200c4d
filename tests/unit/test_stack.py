"""The parts of the local stack that need no engine: its file, its ports, its processes, its sidecars."""

import os
import smtplib
import socket
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests
from aiosmtpd.controller import Controller

from localstack import engines, processes, up
from localstack.engines.localstack import image
from localstack.mailbox import Mailbox
from localstack.sidecars.cart_stub import CartStub
from localstack.sidecars.mail_catcher import MailCatcher
from localstack.stack import Running, Stack, StackError, load, require
from localstack.terraform import cli_config
from tooling.polling import DeadlineError, poll


def test_a_stack_is_found_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, ports={"engine": 4566}, running={"engine": Running(1, 2.5)}, outputs={"api_id": "a"})
    stack.save()
    assert load(tmp_path) == stack


def test_a_stack_that_was_not_made_says_how_to_make_it(tmp_path: Path) -> None:
    assert load(tmp_path) == Stack(tmp_path)
    with pytest.raises(StackError, match="make up"):
        require(tmp_path)


def test_a_taken_port_is_named_with_its_owner_and_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError) as refused:
            processes.require_free(port, "engine", "PORT")
    assert f"port {port}" in str(refused.value)
    assert f"process {os.getpid()}" in str(refused.value)
    assert "make up PORT=" in str(refused.value)
    processes.require_free(port, "engine", "PORT")


def test_one_make_up_at_a_time(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    with up.exclusive(stack), pytest.raises(StackError, match="another `make up`"), up.exclusive(stack):
        pass


def test_a_process_is_started_seen_and_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    running = processes.start(command, tmp_path / "log", os.environ, tmp_path)
    poll("the process prints", lambda: "up" in (tmp_path / "log").read_text() or None, 20)
    assert processes.alive(running)
    # Another process with that id is not ours to stop.
    processes.stop(Running(running.pid, running.started - 1))
    assert processes.alive(running)
    processes.stop(running)
    assert not processes.alive(running)
    processes.stop(running)
    processes.stop(None)


def test_a_wait_ends_and_says_what_it_waited_for() -> None:
    with pytest.raises(DeadlineError, match=r"the moon: not after 0.2 s"):
        poll("the moon", lambda: None, 0.2)


def test_engines_are_chosen_by_name() -> None:
    assert engines.choose(None).name == engines.choose("embedded").name == "embedded"
    with pytest.raises(StackError, match="ENGINE is embedded or localstack"):
        engines.choose("moto")


def test_localstack_without_docker_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="needs Docker"):
        engines.choose("localstack")


def test_the_image_is_pinned_unless_there_is_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    assert image() == "localstack/localstack:4.14.0"
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "token")
    assert image() == "localstack/localstack:latest"


def test_providers_come_from_a_mirror_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))
    assert f'path = "{tmp_path}"' in cli_config()
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path / "none"))
    assert "direct {}" in cli_config()


@pytest.fixture
def carts() -> Iterator[str]:
    """The URL of a cart stub."""
    stub = CartStub(0)
    thread = threading.Thread(target=stub.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{stub.server_port}"
    stub.shutdown()
    thread.join()
    stub.server_close()


def test_the_cart_stub_serves_fixtures_takes_carts_and_breaks_one(carts: str) -> None:
    assert requests.get(f"{carts}/health", timeout=5).ok
    assert requests.get(f"{carts}/v1.0/carts/cart-acme-1", timeout=5).json()["tenantId"] == "tenant-acme"
    assert requests.get(f"{carts}/v1.0/campaigns/SPRING10", timeout=5).json()["discountPercent"] == "10"
    mine, outage = f"{carts}/v1.0/carts/mine", f"{carts}/control/outages/mine"
    assert requests.get(mine, timeout=5).status_code == 404
    requests.put(mine, json={"cartId": "mine"}, timeout=5)
    assert requests.get(mine, timeout=5).json() == {"cartId": "mine"}
    requests.put(outage, json={"status": 503}, timeout=5)
    assert requests.get(mine, timeout=5).status_code == 503
    assert requests.get(outage, timeout=5).json() == {"status": 503, "refused": 1}
    requests.delete(outage, timeout=5)
    assert requests.get(mine, timeout=5).status_code == 200
    assert requests.put(f"{carts}/nothing", json={}, timeout=5).status_code == 404
    assert requests.delete(f"{carts}/nothing", timeout=5).status_code == 404


def test_a_mail_sent_is_a_mail_found(tmp_path: Path) -> None:
    controller = Controller(MailCatcher(tmp_path / "mail"), hostname="127.0.0.1", port=processes.free_port())
    controller.start()
    try:
        message = EmailMessage()
        message["To"], message["From"], message["X-Correlation-Id"] = "a@example.com", "b@example.com", "c-1"
        message.set_content("Good day\n.\n")
        with smtplib.SMTP("127.0.0.1", controller.port) as client:
            client.send_message(message)
    finally:
        controller.stop()
    mailbox = Mailbox(tmp_path / "mail")
    ((path, found),) = mailbox.find("c-1")
    assert path.suffix == ".eml"
    assert found.get_content() == "Good day\r\n.\r\n"
    assert mailbox.find("c-2") == []


def test_the_console_starts_without_a_stack_opens_where_there_is_a_display_and_stops_with_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, opened = Stack(tmp_path), list[str]()
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("CONSOLE_PORT", str(processes.free_port()))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    try:
        up.open_console(stack)
        answer = requests.get(stack.console_url, timeout=10)
        assert (answer.status_code, "Run `make up`" in answer.text) == (503, True)
        assert opened == []
        first = stack.running["console"]
        monkeypatch.setenv("DISPLAY", ":0")
        up.open_console(load(tmp_path))
        assert (load(tmp_path).running["console"], opened) == (first, [stack.console_url])
    finally:
        up.down(stack)
    assert not processes.alive(stack.running["console"])
