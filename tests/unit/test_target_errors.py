"""How commands fail: the last thing they print is what to do.

`bin/ops` and `bin/release` run in this process. Make, `bin/test` and what a shell does with a command are processes.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from localstack import processes
from localstack.processes import free_port
from localstack.stack import Stack
from tests.support.programs import program, run_here
from tooling.paths import ROOT
from tooling.polling import poll

# Some commands are processes of their own.
pytestmark = pytest.mark.slow(
    *("Makefile", "bin", "cli", "evidence", "labs", "localstack", "ops", "release", "tooling"),
    *("tests/__main__.py", "tests/support", "requirements"),
)

DIGEST = "a" * 64
NO_STACK = r"there is no finished stack in .*: run `make up`"
NO_ENGINE = r"the engine of the stack in .* has ended, and its orders are gone: `make up` starts an empty one"
SIGN_IN = (
    r"(?s)Unable to locate credentials.*the shell must be signed in to the account, with the permissions of its deploy"
)


def run(directory: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Exit status and output of a command with nobody signed in, and a separate stack folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {
        **clean,
        "STACK_DIR": str(directory),
        "AWS_CONFIG_FILE": str(directory / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(directory / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }
    if words[0] in ("bin/ops", "bin/release"):
        return run_here(program(words[0].removeprefix("bin/")), words, environment)
    # The tests run in the virtual environment that the program would check first.
    first = [sys.executable, "-m", "tests"] if words[0] == "bin/test" else [words[0]]
    done = subprocess.run(
        [*first, *words[1:]],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=180,
    )
    return done.returncode, done.stdout


def assert_fails(directory: Path, command: str, expected: str, **variables: str) -> None:
    """Check that a command fails, and that the end of its output matches an expression."""
    status, output = run(directory, *command.split(), **variables)
    assert status != 0, output
    assert "Traceback" not in output
    ours = [line for line in output.splitlines() if line and not line.startswith("make: ***")]
    assert re.search(expected, "\n".join(ours[-6:])), output


@pytest.mark.parametrize(
    "command", ["make status", "bin/ops stack terraform plan", "bin/ops stack env", "bin/ops stack watch"]
)
def test_command_without_stack_fails(tmp_path: Path, command: str) -> None:
    """A command that needs a stack says how to get one."""
    assert_fails(tmp_path, command, NO_STACK)


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """The folder of a stack whose engine is gone."""
    stack = Stack(tmp_path, ports={"engine": free_port(), "cart": free_port()}, outputs={"function_names": {}})
    content = {name: value for name, value in asdict(stack).items() if name != "directory"}
    (tmp_path / "stack.json").write_text(json.dumps(content))
    return tmp_path


@pytest.mark.parametrize(
    "command", ["bin/ops stack status", "bin/ops stack logs get_order", "bin/ops queues --target local"]
)
def test_command_without_engine_fails(dead: Path, command: str) -> None:
    """A command that needs the engine says how to repair it."""
    assert_fails(dead, command, NO_ENGINE)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            "make logs FUNCTION=creat_order",
            "did you mean create_order\\?\nRun `make logs FUNCTION=…` with one of create_order, ",
        ),
        ("bin/ops stack logs", "no function is named\nRun `make logs FUNCTION=…` with one of create_order, "),
        (
            "make up ENGINE=moto",
            "Invalid value for '--engine': 'moto' is not one of 'embedded', 'localstack', 'localstack-host'",
        ),
        ("make up PORT=high", "Invalid value for '--port': 'high'"),
        ("make up RELEASE_DIR=/nothing", "there is no /nothing/release.json: run `make release`"),
        (f"bin/release promote {DIGEST} --to moon", "Invalid value for '--to'.*: 'moon' is not one of 'dev', 'sit'"),
        ("bin/release promote --to sit", "Missing argument 'DIGEST'"),
        ("bin/release promote abc --to sit", "the 64 hexadecimal digits that `make release` printed"),
        (
            f"bin/release promote {DIGEST} --to sit --approvals Thandi",
            "give role=name for each, such as tech-lead=Thandi",
        ),
        (
            f"bin/release promote {DIGEST} --to dev",
            "nothing is promoted to dev: `bin/release upload` puts a release there",
        ),
        (f"bin/release promote {DIGEST} --to sit", SIGN_IN),
        ("bin/release deploy --to sit", "name the release to deploy to sit: `bin/release deploy DIGEST --to sit`"),
        (f"bin/release deploy {DIGEST} --to sit", SIGN_IN),
        ("bin/release rollback --to prod", SIGN_IN),
        ("bin/release drift --to dev", SIGN_IN),
        ("bin/ops redrive q --target dev", SIGN_IN),
        (
            "make release ARCHITECTURE=mips",
            "Invalid value for '--architecture'.*: 'mips' is not one of 'arm64', 'x86_64'",
        ),
        ("make unit ARGS=--no-such-option", "next: `make unit ARGS=--last-failed` runs what failed"),
        ("make dlq QUEUE=q TRAGET=prod", "there is no make dlq: `make help`, `bin/ops --help`"),
        ("make down TRAGET=prod", "make down does not take TRAGET=prod: it takes no variable"),
        ("make up PROT=4570", "make up does not take PROT=4570: it takes INSTALL ENGINE PORT CART_PORT"),
    ],
)
def test_wrong_command_says_what_to_do(tmp_path: Path, command: str, expected: str) -> None:
    """A wrong option, a misspelt variable and a missing sign-in are reported with what to do."""
    assert_fails(tmp_path, command, expected)


def test_up_on_taken_port_fails(tmp_path: Path) -> None:
    """The owner of the port is named, and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        expected = rf"port {port} \(CART_PORT\) is taken by .*\n.*or choose others: `make up CART_PORT=…`"
        assert_fails(tmp_path, f"make up PORT={free_port()} SMTP_PORT={free_port()} CART_PORT={port}", expected)


def test_variables_of_the_shell_are_no_options(tmp_path: Path) -> None:
    """What the shell exports under the name of an option changes nothing."""
    exported = {"FUNCTION": "create_order", "ENGINE": "moto", "PORT": "high", "EMAIL": "me@home.example"}
    assert_fails(tmp_path, "make logs", "no function is named", **exported)
    assert_fails(tmp_path, "bin/ops stack token", NO_STACK, **exported)
    assert_fails(tmp_path, "bin/test unit -- --no-such-option", "--last-failed", PYTEST_ADDOPTS="--version")


@pytest.mark.parametrize("name", ["o'brien", "$(touch {0})", "`touch {0}`", "; touch {0}"])
def test_values_reach_no_shell(tmp_path: Path, name: str) -> None:
    """A value of make's command line is one word for the program, whatever is in it."""
    mark = tmp_path / "mark"
    value = name.replace("{0}", str(mark))
    _, output = run(tmp_path, "make", "logs", f"FUNCTION={value}")
    assert f"there is no function {value}" in output.replace("'", "") or value in output, output
    assert not mark.exists()


@pytest.mark.parametrize(
    "value", ["create_order\n", "x\ntouch {0}", "x\nFUNCTION='; touch {0}; '", "x\\\n'; touch {0}; '"]
)
def test_value_with_line_break_is_refused(tmp_path: Path, value: str) -> None:
    """A line break would end a line of make's recipe."""
    mark = tmp_path / "mark"
    status, output = run(tmp_path, "make", "logs", "FUNCTION=" + value.replace("{0}", str(mark)))
    assert status != 0
    assert "FUNCTION has a line break" in output
    assert not mark.exists()


@pytest.fixture
def logging(tmp_path: Path) -> Iterator[Path]:
    """The folder of a stack whose engine has a log of two events."""
    engine = """
import sys
from localstack.sidecars.json_server import JsonServer
events = [{"logStreamName": "s", "timestamp": 1_795_556_406_445, "message": text} for text in ("one", "two")]
JsonServer.response = lambda *_: (200, {"events": events})
JsonServer(int(sys.argv[1])).serve_forever()
"""
    stack = Stack(tmp_path, ports={"engine": free_port()}, outputs={"function_names": {"get_order": "f"}})
    command = [sys.executable, "-c", engine, str(stack.ports["engine"])]
    stack.running["engine"] = processes.start(command, tmp_path / "engine.log", processes.environment(), ROOT)
    stack.save()
    try:
        poll("the engine responds", lambda: processes.listens(stack.ports["engine"]) or None, 20)
        yield tmp_path
    finally:
        processes.stop(stack.running["engine"])


@pytest.mark.parametrize("words", ["--help", "stack logs get_order", "stack logs get_order --follow"])
def test_closed_pipe_is_quiet(logging: Path, words: str) -> None:
    """A reader that closes the pipe, such as head, ends the command without an error."""
    command = f"{shlex.quote(sys.executable)} -m cli.ops {words} | true; echo ${{PIPESTATUS[0]}}"
    assert run(logging, "bash", "-c", command) == (0, "0\n")


def test_terraform_check_that_fails_says_what_to_do(tmp_path: Path) -> None:
    """A failed check ends with its hint."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "terraform"
    fake.write_text("#!/bin/sh\necho 'Error: no such bucket'; exit 1\n")
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    assert_fails(tmp_path, "bin/test terraform", "next: `terraform fmt -recursive terraform` fixes it", PATH=path)
