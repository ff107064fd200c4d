"""How commands end: ours with a sentence, those of others within a deadline."""

import sys
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError

from release.deploy import DeployError
from release.packaging.libraries import BuildError
from tooling import commands
from tooling.cli import run_cli
from tooling.commands import CommandError, Ended

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no s3:PutObject on releases"}}, "PutObject")


def raising(error: BaseException) -> int:
    """A command that fails."""
    raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DeployError("nothing is deployed [today]"), ["error: nothing is deployed [today]"]),
        (BuildError("1:2:arn:cat:"), ["error: 1:2:arn:cat:"]),
        (DENIED, ["no s3:PutObject on releases", "sign in"]),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"), ["http://127.0.0.1:1/", "sign in"]),
        (requests.ConnectionError("no answer"), ["no answer", "sign in"]),
    ],
    ids=["markup", "colons", "denied", "no endpoint", "no answer"],
)
def test_what_people_can_mend_is_told_on_standard_error(
    capsys: pytest.CaptureFixture[str], error: Exception, told: list[str]
) -> None:
    assert run_cli(lambda: raising(error), "sign in") == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert all(text in output.err for text in told)
    assert "Traceback" not in output.err


def test_what_is_our_own_mistake_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_cli(lambda: raising(ZeroDivisionError()), "sign in")


def test_other_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert [run_cli(lambda: None, ""), run_cli(lambda: 3, "")] == [0, 3]
    assert run_cli(lambda: raising(KeyboardInterrupt()), "") == 130
    assert capsys.readouterr() == ("", "")


def python(code: str) -> list[str]:
    """A command that runs a line of Python."""
    return [sys.executable, "-c", code]


def test_a_command_is_run_with_its_environment_in_its_folder(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read() + os.environ['WHO'], os.getcwd()); print('bad', file=sys.stderr)"
    log = tmp_path / "logs" / "a.log"
    printed = commands.run("greet", python(code), 20, {"WHO": "Thandi"}, tmp_path, log).checked()
    assert sorted(printed.splitlines()) == ["Thandi " + str(tmp_path), "bad"]
    assert log.read_text() == printed


def test_a_command_that_fails_says_what_it_printed_last(tmp_path: Path) -> None:
    code = "print('x' * 9_000 + 'the end'); raise SystemExit(3)"
    log = tmp_path / "a.log"
    with pytest.raises(CommandError, match=r"^greet failed:\nx{1,4000}the end") as failed:
        commands.run("greet", python(code), 20, log=log).checked()
    assert len(str(failed.value)) < 5_000
    assert len(log.read_text()) > 9_000
    assert commands.run("greet", python("raise SystemExit(3)"), 20) == Ended("greet", 3, "")


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(CommandError, match=r"greet: not finished after 0\.5 s"):
        commands.run("greet", python("import time; time.sleep(60)"), 0.5)


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(CommandError, match="greet: there is no no-such-program on PATH: install it"):
        commands.run("greet", ["no-such-program"], 1)


def test_outside_of_a_make_there_is_nothing_that_it_hands_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "-j 3")
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("STACK_DIR", "build/test")
    found = commands.outside_make()
    assert not [name for name in found if name.startswith("MAKE")]
    assert found["STACK_DIR"] == "build/test"
