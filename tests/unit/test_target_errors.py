"""How make targets fail: the last thing they say is what to do."""

import json
import os
import re
import socket
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from localstack.processes import free_port
from localstack.stack import Stack
from tooling.commands import outside_make
from tooling.paths import ROOT

DIGEST = "a" * 64
NO_STACK = r"there is no finished stack in .*: run `make up`"
NO_ENGINE = r"the engine of the stack in .* does not respond: `make up` creates the stack again"
SIGN_IN = r"(?s)Unable to locate credentials.*the shell must be signed in to the account, with the rights of its deploy"
ENVIRONMENTS = r"invalid choice: '.*' \(choose from 'dev', 'sit', 'prod', 'failover'\)"


def make(directory: Path, *arguments: str, **variables: str) -> str:
    """Run a target that fails, with nobody signed in and a stack's folder of its own; returns what it said."""
    clean = {name: value for name, value in outside_make().items() if not name.startswith("AWS_")}
    done = subprocess.run(
        # Virtual environments are not looked at again: the tests run in one.
        ["make", "--no-print-directory", "--old-file=dev", "--old-file=local", *arguments],
        cwd=ROOT,
        env=clean
        | {
            "STACK_DIR": str(directory),
            "AWS_CONFIG_FILE": str(directory / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(directory / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            **variables,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode != 0, done.stdout
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("target", ["status", "tf", "watch"])
def test_without_a_stack(tmp_path: Path, target: str) -> None:
    assert_told(make(tmp_path, *target.split()), NO_STACK)


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """The folder of a stack whose engine is gone."""
    stack = Stack(tmp_path, ports={"engine": free_port(), "cart": free_port()}, outputs={"function_names": {}})
    content = {name: value for name, value in asdict(stack).items() if name != "directory"}
    (tmp_path / "stack.json").write_text(json.dumps(content))
    return tmp_path


@pytest.mark.parametrize("target", ["status", "order", "logs FUNCTION=get_order"])
def test_when_the_engine_is_gone(dead: Path, target: str) -> None:
    assert_told(make(dead, *target.split()), NO_ENGINE)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "logs FUNCTION=creat_order",
            "did you mean create_order\\?\nRun `make logs FUNCTION=…` with one of create_order, ",
        ),
        ("logs", "no function is named\nRun `make logs FUNCTION=…` with one of create_order, "),
        ("up ENGINE=moto", "there is no engine moto: ENGINE is embedded or localstack"),
        ("up PORT=high", "PORT is 'high'; it must be a port, 1 to 65535"),
        ("up RELEASE_DIR=/nothing", "there is no /nothing/release.json: run `make release`"),
        ("promote TO=moon RELEASE=", ENVIRONMENTS),
        ("promote TO=sit", "--release: is missing: RELEASE=… of `make` takes the digest that `make release` printed"),
        ("promote TO=sit RELEASE=abc", "is the SHA-256 of a release's manifest, 64 hexadecimal digits"),
        (f"promote TO=sit RELEASE={DIGEST} APPROVALS=Thandi", "is role=name for each, such as tech-lead=Thandi"),
        (f"promote TO=dev RELEASE={DIGEST}", "nothing is promoted to dev: `make upload` puts a release there"),
        (f"promote TO=sit RELEASE={DIGEST}", SIGN_IN),
        ("deploy", ENVIRONMENTS),
        ("deploy TO=sit", "name the release to deploy to sit: `make deploy TO=sit RELEASE=…`"),
        (f"deploy TO=sit RELEASE={DIGEST}", SIGN_IN),
        ("record REPORT=none.xml", ENVIRONMENTS),
        ("rollback TO=prod", SIGN_IN),
        ("drift TO=dev", SIGN_IN),
        ("redrive QUEUE=q TARGET=dev", SIGN_IN),
        ("redrive QUEUE=q TARGET=moon", ENVIRONMENTS),
        ("release ARCHITECTURE=mips", r"invalid choice: 'mips' \(choose from 'arm64', 'x86_64'\)"),
        ("e2e TARGET=moon", "next: `make e2e ARGS=--last-failed` runs what failed; `make status` and `make logs"),
        ("unit ARGS=--no-such-option", 'next: `make unit ARGS="--last-failed --no-cov"` runs what failed'),
    ],
)
def test_wrong_arguments_and_nobody_signed_in(tmp_path: Path, target: str, told: str) -> None:
    assert_told(make(tmp_path, *target.split()), told)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        ports = {"PORT": str(free_port()), "SMTP_PORT": str(free_port()), "CART_PORT": port}
        said = make(tmp_path, "up", **ports)
    assert_told(said, rf"port {port}, needed for the cart stub, is taken by .*: stop it, or .* `make up CART_PORT=…`")


def test_terraform_that_fails(tmp_path: Path) -> None:
    # A program in its place: what is tried is what is said of it.
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "terraform"
    answer = json.dumps({"terraform_version": "1.11.4"})
    fake.write_text(
        f"#!/bin/sh\n[ \"$1\" = version ] && echo '{answer}' && exit 0\necho 'Error: no such bucket'; exit 1\n"
    )
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    assert_told(
        make(tmp_path, "terraform-check", PATH=path), "next: `terraform fmt -recursive terraform` mends the format"
    )


def assert_told(said: str, told: str) -> None:
    """Check that what a target said last, before what make says of it, ends with a text."""
    ours = [line for line in said.splitlines() if line and not line.startswith(("make: ***", "make[1]: ***"))]
    last = "\n".join(ours[-4:])
    assert re.search(told, last), said
