"""How commands end: ours with a sentence, other programs within a deadline."""

import errno
import locale
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from localstack import processes
from release.deploy import DeployError
from release.packaging.libraries import BuildError
from tooling import cli, commands
from tooling.cli import run_cli
from tooling.commands import CommandError, Completed
from tooling.paths import ROOT
from tooling.polling import poll

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no s3:PutObject on releases"}}, "PutObject")


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """Undoes what a command changes in this process."""
    mask = os.umask(0o022)
    with patch.dict(os.environ):
        yield
    os.umask(mask)


def raising(error: BaseException) -> int:
    """A command that raises an error."""
    raise error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DeployError("nothing is deployed [today]"), ["error: nothing is deployed [today]"]),
        (BuildError("1:2:arn:cat:"), ["error: 1:2:arn:cat:"]),
        (DENIED, ["no s3:PutObject on releases", "sign in"]),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"), ["http://127.0.0.1:1/", "sign in"]),
        (requests.ConnectionError("no answer"), ["no answer", "sign in"]),
        (OSError(errno.ENOSPC, "No space left on device", "a.log"), ["No space left on device: 'a.log': make room"]),
    ],
    ids=["markup", "colons", "denied", "no endpoint", "no answer", "full disk"],
)
def test_run_cli_reports_user_errors(capsys: pytest.CaptureFixture[str], error: Exception, expected: list[str]) -> None:
    """Errors that the user can fix are sentences on standard error."""
    assert run_cli(lambda: raising(error), "sign in") == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert all(text in output.err for text in expected)
    assert "Traceback" not in output.err


@pytest.mark.parametrize(("name", "there"), [("lock", "lock"), ("none/lock", "")])
def test_run_cli_reports_whose_a_file_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, there: str
) -> None:
    """A file that may not be written is reported with its owner, or the folder's, and how to make it one's own."""
    (tmp_path / "lock").touch()
    path, owner = tmp_path / there, tmp_path.owner()
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / name))
    assert run_cli(lambda: raising(denied), "") == 1
    said = f"error: {denied}: {path} "
    assert capsys.readouterr().err == f"{said}is yours, so change its mode: `chmod -R u+rwX {path}`\n"
    nobody = 2**31 - 2
    monkeypatch.setattr(os, "geteuid", lambda: nobody)
    assert run_cli(lambda: raising(denied), "") == 1
    advice = f"run the command as {owner}, or make it yours: `sudo chown -R {nobody} {path}`"
    assert capsys.readouterr().err == f"{said}belongs to {owner}; {advice}\n"


def test_run_cli_does_not_hide_other_denials() -> None:
    """What is denied and no file, such as a port below 1024, keeps its traceback."""
    with pytest.raises(PermissionError):
        run_cli(lambda: raising(PermissionError(errno.EACCES, "Permission denied")), "")


def test_run_cli_does_not_hide_bugs() -> None:
    """An unexpected error keeps its traceback."""
    with pytest.raises(ZeroDivisionError):
        run_cli(lambda: raising(ZeroDivisionError()), "sign in")


def test_run_cli_returns_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit statuses pass through; Ctrl-C is 130, and nothing is printed."""
    assert [run_cli(lambda: None, ""), run_cli(lambda: 3, "")] == [0, 3]
    assert run_cli(lambda: raising(KeyboardInterrupt()), "") == 130
    assert capsys.readouterr() == ("", "")


def python(code: str) -> list[str]:
    """Command for a line of Python."""
    return [sys.executable, "-c", code]


def test_run_uses_environment_folder_and_log(tmp_path: Path) -> None:
    """A program gets its environment and folder, no input, and its output goes to the log."""
    code = "import os, sys; print(sys.stdin.read() + os.environ['WHO'], os.getcwd()); print('bad', file=sys.stderr)"
    log = tmp_path / "logs" / "a.log"
    printed = commands.run("greet", python(code), 20, {"WHO": "Thandi"}, tmp_path, log).checked()
    assert sorted(printed.splitlines()) == ["Thandi " + str(tmp_path), "bad"]
    assert log.read_text() == printed


def test_failed_run_shows_last_output(tmp_path: Path) -> None:
    """The error has the end of the output, the log has all of it."""
    code = "print('x' * 9_000 + 'the end'); raise SystemExit(3)"
    log = tmp_path / "a.log"
    with pytest.raises(CommandError, match=r"^greet failed:\nx{1,4000}the end") as failed:
        commands.run("greet", python(code), 20, log=log).checked()
    assert len(str(failed.value)) < 5_000
    assert len(log.read_text()) > 9_000
    assert commands.run("greet", python("raise SystemExit(3)"), 20) == Completed("greet", 3, "")


def test_run_past_deadline_is_killed() -> None:
    """A program that takes too long is killed and named."""
    with pytest.raises(CommandError, match=r"greet: not finished after 0\.5 s"):
        commands.run("greet", python("import time; time.sleep(60)"), 0.5)


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("run('apply', command, 60)", signal.SIGINT),
        ("run('apply', command, 60)", signal.SIGTERM),
        ("run('apply', ['sh', '-c', shlex.join(command) + '; exit'], 60)", signal.SIGINT),
        ("run_on_terminal(command)", signal.SIGINT),
    ],
    ids=["Ctrl-C", "timeout", "Ctrl-C, through a shell", "Ctrl-C on the terminal"],
)
def test_stopped_command_interrupts_program_once_and_waits(tmp_path: Path, call: str, number: signal.Signals) -> None:
    """Ctrl-C in a terminal, or `timeout`, which signal a whole process group, reach a program once, and it may finish.

    Terraform exits at the second interrupt without writing its state or releasing its lock. Source: its message "Two
    interrupts received. Exiting immediately. Note that data loss may have occurred."
    """
    started, finished = tmp_path / "started", tmp_path / "finished"
    program = f"""
import signal, time
from pathlib import Path
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
Path({str(started)!r}).touch()
while not seen:
    time.sleep(0.01)
time.sleep(1)
Path({str(finished)!r}).write_text(str(len(seen)))
"""
    ours = f"""
import shlex, sys
from tooling import commands
from tooling.cli import run_cli
command = {python(program)!r}
sys.exit(run_cli(lambda: commands.{call}, ""))
"""
    with subprocess.Popen(python(ours), cwd=ROOT, start_new_session=True) as process:
        try:
            poll("the program", lambda: started.exists() or process.poll(), 30)
            os.killpg(process.pid, number)
            assert process.wait(30) == 130
        finally:
            process.kill()
    assert finished.read_text() == "1"


def test_program_that_ignores_an_interrupt_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not end in the time that it has after an interrupt is killed."""
    monkeypatch.setattr(commands, "_GRACE_SECONDS", 0.5)
    command = ["sh", "-c", "trap '' INT; while :; do sleep 0.1; done"]
    with pytest.raises(CommandError, match=r"greet: not finished after 0\.5 s"):
        commands.run("greet", command, 0.5)


def test_what_a_program_leaves_running_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that outlives the program, ignores the interrupt and keeps the output open is killed with it."""
    monkeypatch.setattr(commands, "_GRACE_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(CommandError, match=r"greet: not finished after 0\.5 s"):
        commands.run("greet", ["sh", "-c", "trap '' INT; sleep 120 & exit"], 0.5)
    assert time.monotonic() - started < 60


def test_run_missing_program_is_named() -> None:
    """A program that is not installed is named."""
    with pytest.raises(CommandError, match="greet: there is no no-such-program on PATH: install it"):
        commands.run("greet", ["no-such-program"], 1)


class _Buckets(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<ListAllMyBucketsResult/>")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Buckets) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_run_cli_reaches_this_machine_without_a_proxy(monkeypatch: pytest.MonkeyPatch, server: str, name: str) -> None:
    """A proxy of the shell is not used for the local stack, by requests or boto3, and processes of it get none."""
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, f"http://127.0.0.1:{processes.free_port()}")

    def call() -> None:
        assert requests.get(server, timeout=10).ok
        assert boto3.client("s3", endpoint_url=server, config=Config(retries={"total_max_attempts": 1})).list_buckets()
        assert name not in processes.environment()

    assert run_cli(call, "") == 0


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"no_proxy": ".corp"}, ".corp,127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "a.corp, localhost", "no_proxy": "b.corp a.corp"}, "a.corp,localhost,b.corp,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, "*"),
        ({"no_proxy": ".corp,*"}, "*"),
    ],
)
def test_run_cli_keeps_exceptions_to_the_proxy(
    monkeypatch: pytest.MonkeyPatch, shell: dict[str, str], expected: str
) -> None:
    """What either spelling names stays an exception, for programs that read the other; more commands add nothing."""
    others = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    monkeypatch.setattr(os, "environ", others | shell)
    for _ in range(2):
        run_cli(lambda: None, "")
        assert (os.environ["NO_PROXY"], os.environ["no_proxy"]) == (expected, expected)


def test_run_cli_prints_plain_characters_where_there_are_no_others() -> None:
    """Output to a terminal that lacks a character, such as ✓ in Latin-1, has a plain one in its place."""
    code = "from tooling.cli import run_cli; run_cli(lambda: print('\u2713 accepted'), '')"
    variables = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "OUTPUT_ENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, check=True, timeout=60)
    assert done.stdout == b"? accepted\n"


@pytest.mark.parametrize(
    ("wanted", "locale_name", "charmap", "expected"),
    [
        ("ascii:strict", "de_DE", "ISO-8859-1", "ascii"),
        *((wanted, "de_DE", "ISO-8859-1", "ISO-8859-1") for wanted in ("", ":ignore", "nope", "rot13", "undefined")),
        ("", "C", "ANSI_X3.4-1968", "utf-8"),
        ("", "xx_XX", "nope", None),
        (None, "de_DE", "ISO-8859-1", None),
    ],
)
def test_output_has_the_encoding_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, wanted: str | None, locale_name: str, charmap: str, expected: str | None
) -> None:
    """Output has the encoding that a person wants, if Python can write it, else that of the locale.

    Without a locale it is UTF-8, as in Python. The locales are made up, since few machines have them.
    """
    monkeypatch.setattr(locale, "setlocale", lambda category: locale_name)
    monkeypatch.setattr(locale, "getencoding", lambda: charmap)
    assert cli._output_encoding(wanted) == expected


def test_run_cli_cleans_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A started program does not inherit what the shell sets for other programs and the language."""
    shell = {
        **{"MAKEFLAGS": "-j 3 -- ARGS=x", "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "latin-1", "LANG": "de_DE"},
        **{"TF_WORKSPACE": "dev", "TF_VAR_log_level": "DEBUG", "TF_CLI_ARGS_apply": "-refresh=false"},
        **{"GIT_DIR": "/mine/.git", "GIT_INDEX_FILE": "/mine/index", "GIT_CONFIG_GLOBAL": "/mine/.gitconfig"},
        **{"GIT_ALTERNATE_OBJECT_DIRECTORIES": "/mine", "GIT_DEFAULT_HASH": "sha256", "GIT_TEMPLATE_DIR": "/mine"},
        **{"GNUMAKEFLAGS": "-i", "MAKEFILES": "mine.mk", "BASH_ENV": "/mine.sh", "CDPATH": "/mine"},
        **{"PYTEST_ADDOPTS": "--collect-only", "PYTEST_PLUGINS": "mine", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        **{"LOCUST_HOST": "http://mine.example", "NODE_OPTIONS": "--inspect-brk"},
    }
    kept = {"STACK_DIR": "build/test", "TF_CLI_CONFIG_FILE": "mirror.rc", "PYTEST_XDIST_WORKER": "gw0"}
    monkeypatch.setattr(os, "environ", {**os.environ, **shell, **kept})
    seen: dict[str, str] = {}
    run_cli(lambda: seen.update(os.environ), "")
    assert not set(shell) & set(seen)
    assert kept.items() <= seen.items()
    assert (seen["LC_ALL"], seen["PYTHONUTF8"]) == ("C.UTF-8", "1")


def test_run_cli_keeps_only_a_temporary_folder_that_takes_sockets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Terraform's plugins make Unix sockets in TMPDIR: one that is missing, relative or too long is dropped."""
    long = tmp_path / ("long" * 20)
    long.mkdir()
    (tmp_path / "file").touch()
    seen: list[str | None] = []
    for given in (tempfile.gettempdir(), str(long), str(tmp_path / "none"), str(tmp_path / "file"), "."):
        monkeypatch.setenv("TMPDIR", given)
        run_cli(lambda: seen.append(os.environ.get("TMPDIR")), "")
    assert seen == [tempfile.gettempdir(), None, None, None, None]


@pytest.mark.parametrize("mask", [0o077, 0o000])
def test_run_cli_writes_files_that_all_can_read(tmp_path: Path, mask: int) -> None:
    """Files are readable for all and writable for one, whatever a person's umask is: releases have equal bytes."""
    os.umask(mask)
    run_cli(lambda: (tmp_path / "file").touch(), "")
    assert oct((tmp_path / "file").stat().st_mode & 0o777) == "0o644"
