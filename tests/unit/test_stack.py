"""The parts of the local stack that need no engine: its file, ports, processes and sidecars."""

import os
import resource
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import psutil
import pytest
import requests
from aiosmtpd.controller import Controller

from localstack import engines, processes, up
from localstack.aws import Aws
from localstack.engines.localstack import image
from localstack.engines.localstack_host import require_java_and_npm
from localstack.engines.ministack import MiniStack
from localstack.mails import Mailbox
from localstack.sidecars.cart_stub import CartStub
from localstack.sidecars.mail_catcher import MailCatcher
from localstack.stack import PROCESS_VARIABLE, Running, Stack, StackError, default_directory, load, require
from localstack.terraform import cli_config, cli_environment
from localstack.terraform import environment as terraform_environment
from tooling import docker
from tooling.paths import ROOT
from tooling.polling import DeadlineError, poll


def test_stack_saved_is_loaded_unchanged(tmp_path: Path) -> None:
    """A saved stack is loaded as it was."""
    stack = Stack(tmp_path, ports={"engine": 4566}, running={"engine": Running(1, "token")}, outputs={"api_id": "a"})
    stack.save()
    assert load(tmp_path) == stack


def test_require_without_stack_advises_make_up(tmp_path: Path) -> None:
    """Without a stack the error says to run `make up`."""
    assert load(tmp_path) == Stack(tmp_path)
    with pytest.raises(StackError, match="make up"):
        require(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"engine"', '{"running": {}, "colour": "red"}', '{"running": 1}'])
def test_load_unreadable_file_advises_make_down(tmp_path: Path, content: str) -> None:
    """A stack.json that is empty, cut off or from another version is reported in one line, with what to do."""
    (tmp_path / "stack.json").write_text(content)
    with pytest.raises(StackError, match=r"stack\.json cannot be read \(.+\): run `make down`.*then `make up`$"):
        load(tmp_path)


def test_empty_stack_dir_is_not_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty STACK_DIR is as none: the stack is in build/local, wherever the command runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STACK_DIR", "")
    assert default_directory() == ROOT / "build" / "local"


# Its child has none of its variables, as functions of LocalStack.
_WITH_CHILD = """
import os, subprocess, time
subprocess.run(["sh", "-c", "[ $FOLDER = other ] || echo $$; exec sleep 60"], env={"FOLDER": os.environ["FOLDER"]})
"""


def test_down_unreadable_file_stops_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make down` stops the processes of a stack whose stack.json is lost, and of no other."""
    monkeypatch.setenv("STACK_DIR", str(tmp_path))
    (tmp_path / "stack.json").write_text("")
    (tmp_path / "engine" / "s3").mkdir(parents=True)
    command = [sys.executable, "-c", _WITH_CHILD]
    ours, other = (
        processes.start(
            command, tmp_path / "log", os.environ | {PROCESS_VARIABLE: str(folder), "FOLDER": folder.name}, tmp_path
        )
        for folder in (tmp_path, tmp_path / "other")
    )
    try:
        child = int(poll("the process has a child", lambda: (tmp_path / "log").read_text() or None, 20).split()[0])
        up.down()
        assert (processes.alive(ours), processes.alive(other)) == (False, True)
        assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        assert load(tmp_path) == Stack(tmp_path)
        assert not (tmp_path / "engine").exists(), "the next stack has none of its orders"
    finally:
        processes.stop(other)
        processes.stop(ours)


_WITH_PORT = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    time.sleep(60)
"""


def deny(process: psutil.Process) -> None:
    """Read the environment of a process of another user."""
    raise psutil.AccessDenied(process.pid)


def test_unreadable_engine_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine of which nobody can tell whether it runs stays, with all that it uses, whatever the command."""
    monkeypatch.setenv("STACK_DIR", str(tmp_path))
    running = processes.start([sys.executable, "-c", _WITH_PORT], tmp_path / "log", {}, tmp_path)
    try:
        port = int(poll("the process prints", lambda: (tmp_path / "log").read_text() or None, 20))
        stack = Stack(tmp_path, ports={"engine": port}, running={"engine": running}, outputs={"api_id": "a"})
        stack.engine_dir.mkdir()
        stack.save()
        with monkeypatch.context() as patch:
            patch.setattr(psutil.Process, "environ", deny)
            assert MiniStack().unresponsive(stack) == f"process {running.pid}, which cannot be read"
            refused = f"process {running.pid}, recorded as the engine, cannot be read"
            for command in (up.down, up.reset, lambda: up.up(stack, None)):
                with pytest.raises(StackError, match=refused):
                    command()
        assert processes.alive(running)
        assert stack.engine_dir.exists()
        assert load(tmp_path) == stack
    finally:
        processes.stop(running)


def test_unreadable_process_with_a_free_port_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot be read, and has the id of an engine that has ended, keeps no stack from going down."""
    running = {"engine": Running(os.getppid(), "engine")}
    stack = Stack(tmp_path, ports={"engine": processes.free_port()}, running=running)
    stack.save()
    monkeypatch.setattr(psutil.Process, "environ", deny)
    assert MiniStack().unresponsive(stack) is None
    up.down(stack)
    assert not (tmp_path / "stack.json").exists()


def test_exclusive_held_refuses_second(tmp_path: Path) -> None:
    """Only one `make up` at a time changes a stack."""
    stack = Stack(tmp_path)
    with up.exclusive(stack), pytest.raises(StackError, match="another `make up`"), up.exclusive(stack):
        pass


def test_process_starts_and_stops(tmp_path: Path) -> None:
    """A process is started, found alive and stopped; one that reuses its id is left alone."""
    command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    running = processes.start(command, tmp_path / "log", os.environ, tmp_path)
    poll("the process prints", lambda: "up" in (tmp_path / "log").read_text() or None, 20)
    assert processes.alive(running)
    # Another process with that id is not ours to stop.
    processes.stop(Running(running.pid, "another"))
    assert processes.alive(running)
    processes.stop(running)
    assert not processes.alive(running)
    processes.stop(running)
    processes.stop(None)


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux computes when a process began from a clock that is set")
def test_process_is_known_after_the_clock_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the clock, as when a laptop wakes, makes no stranger of a process: it is alive, and can be stopped."""
    running = processes.start([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", {}, tmp_path)
    booted = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 2)
    assert processes.alive(running)
    processes.stop(running)
    assert not processes.alive(running)


def test_started_process_may_have_more_descriptors_than_the_shell(tmp_path: Path) -> None:
    """A process is started with the descriptors that the hard limit allows, whatever the shell's soft limit."""
    code = f"""
import resource, sys
from pathlib import Path
from localstack import processes
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
command = [sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"]
processes.start(command, Path({str(tmp_path / "log")!r}), {{}}, Path.cwd())
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = poll("the process prints", lambda: (tmp_path / "log").read_text() or None, 20)
    assert int(limit) == (10_240 if hard == resource.RLIM_INFINITY else min(10_240, hard))


def test_kill_does_not_wait_for_a_process_to_be_collected(tmp_path: Path) -> None:
    """A process that has ended is gone, even if its parent, such as the first of a container, never collects it."""
    code = """
import subprocess, time
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
time.sleep(60)
"""
    variables = {"PATH": os.environ["PATH"], PROCESS_VARIABLE: str(tmp_path), "ORDER_STACK_TOKEN": "child"}
    with subprocess.Popen([sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = Running(int(parent.stdout.readline()), "child")
        try:
            # Linux shows the environment of a program a moment after it has begun.
            poll("the process has begun", lambda: processes.alive(child) or None, 30)
            processes.kill([child])
            assert not processes.alive(child)
        finally:
            parent.kill()


def test_poll_deadline_names_condition() -> None:
    """A wait that fails says what it waited for, and how long."""
    with pytest.raises(DeadlineError, match=r"the moon: not after 0.2 s"):
        poll("the moon", lambda: None, 0.2)


def test_choose_engine_by_name() -> None:
    """MiniStack is the default engine, and an unknown name is refused."""
    assert engines.choose(None).name == engines.choose("embedded").name == "embedded"
    with pytest.raises(StackError, match="ENGINE is embedded, localstack or localstack-host"):
        engines.choose("moto")


def test_choose_localstack_without_docker_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LocalStack without Docker is refused with the reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="needs Docker"):
        engines.choose("localstack")


def test_localstack_host_without_java_and_npm_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where LocalStack's Java and npm are missing and may not be installed, both are named, with what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("INSTALL", "0")
    with pytest.raises(StackError, match=r"Java 17 or later is missing: install a Java runtime; npm is missing: inst"):
        require_java_and_npm()


def test_image_is_pinned_without_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """LocalStack's image is pinned unless there is a token."""
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    monkeypatch.setattr(docker, "present", lambda _: False)
    assert image() == "localstack/localstack:4.14.0"
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "token")
    assert image() == "localstack/localstack:latest"


def test_cli_config_uses_mirror_if_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Terraform takes providers from a mirror if there is one, else from the registry."""
    (tmp_path / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))
    assert f'path = "{tmp_path}"' in cli_config()
    assert 'path = "/a \'b\\" ä"' in cli_config(Path("/a 'b\" ä"))
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path / "none"))
    assert "direct {}" in cli_config()


def test_cli_config_names_any_folder(tmp_path: Path) -> None:
    """Terraform finds the mirror whatever its folder is called; it names it when the mirror lacks a provider."""
    mirror = tmp_path / 'the "old" one, C:\\ä'
    mirror.mkdir()
    (tmp_path / "main.tf").write_text('terraform {\n  required_providers {\n    a = { source = "a/a" }\n  }\n}\n')
    variables = os.environ | cli_environment(tmp_path / "cli", mirror)
    command = ["terraform", "init", "-no-color"]
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert f"  - {mirror}\n" in done.stderr


@pytest.fixture
def carts() -> Iterator[str]:
    """URL of a cart stub."""
    stub = CartStub(0)
    thread = threading.Thread(target=stub.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{stub.server_port}"
    stub.shutdown()
    thread.join()
    stub.server_close()


def test_cart_stub_serves_stores_and_fails_carts(carts: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The cart stub serves the fixtures, stores carts, and fails reads of one cart on request; it logs what failed."""
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
    logged = [line.split()[-2] for line in capsys.readouterr().err.splitlines()]
    assert logged == ["404", "503", "404", "404"], "a line for every order would fill the disk within days"


def test_mailbox_finds_mail_by_correlation_id(tmp_path: Path) -> None:
    """A mail sent to the mail catcher is found by its correlation id."""
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


def test_open_console_without_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The console starts without a stack, opens a browser if there is a display, and stops with the stack."""
    stack, opened = Stack(tmp_path), list[str]()
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    try:
        up.open_page(stack, "console", processes.free_port())
        response = requests.get(stack.console_url, timeout=10)
        assert (response.status_code, "Run `make up`" in response.text) == (503, True)
        assert opened == []
        first = stack.running["console"]
        monkeypatch.setenv("DISPLAY", ":0")
        up.open_page(load(tmp_path), "console")
        assert (load(tmp_path).running["console"], opened) == (first, [stack.console_url])
    finally:
        up.down(stack)
    assert not processes.alive(stack.running["console"])


@pytest.mark.parametrize(
    ("variable", "setting"),
    [("AWS_PROFILE", ""), ("AWS_MAX_ATTEMPTS", "max_attempts"), ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")],
)
def test_engine_clients_ignore_the_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, setting: str
) -> None:
    """Neither a variable nor a profile of the shell, nor a setting of its default profile, reaches a local stack."""
    value = {"use_fips_endpoint": "true"}.get(setting, "nobody-has-this")
    (tmp_path / "config").write_text(f"[default]\n{setting or 'role_arn'} = {value}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in (None, variable):
        if name:
            monkeypatch.setenv(name, value)
        assert Aws("http://127.0.0.1:1").sqs.meta.endpoint_url == "http://127.0.0.1:1"
    for environment in (processes.environment(), terraform_environment(tmp_path)):
        assert variable not in environment
        assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_terraform_ignores_the_shell_and_a_chosen_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Terraform uses the one state of a stack, whatever the shell sets and whatever workspace a person has chosen."""
    for name in ("TF_WORKSPACE", "TF_DATA_DIR", "TF_CLI_ARGS", "TF_CLI_ARGS_workspace", "TF_VAR_x"):
        monkeypatch.setenv(name, "hostile")
    variables = terraform_environment(tmp_path)
    assert "hostile" not in variables.values()
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform" / "environment").write_text("dev")

    def workspace(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", "workspace", *arguments]
        return subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert workspace("show").stdout == "default\n"
    assert workspace("new", "test").returncode == 1
