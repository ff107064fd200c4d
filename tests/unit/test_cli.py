"""The command-line programs: what they refuse, and what they ignore."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import tests.__main__ as all_tests
from cli import lab, ops, release, stack
from tooling.paths import ROOT

DIGEST = "a" * 64


def run(app: typer.Typer, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a command."""
    result = CliRunner().invoke(app, arguments)
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "command",
    [
        *("alarms", "queues", "dlq q", "drop q m", "pause q", "resume q", "redrive q", "query errors"),
        *("restore --at 2026-11-24T10:00:00Z", "recover --from t", "discard --from t", "lab load"),
    ],
)
def test_ops_without_target_is_refused(command: str) -> None:
    """A command that can act on an account names it."""
    status, output = run(ops.app, *command.split())
    assert (status, "Missing option '--target'" in output) == (2, True), output


@pytest.mark.parametrize(
    "command", ["promote", "deploy", "pack", "record --report e2e.xml", "rollback", "drift", "history"]
)
def test_release_without_environment_is_refused(command: str) -> None:
    """A command that acts on an environment names it."""
    words = command.split() + ([DIGEST] if command in ("promote", "pack") else [])
    status, output = run(release.app, *words)
    assert (status, "Missing option '--to'" in output) == (2, True), output


@pytest.mark.parametrize("words", [["dlq", "q", "--traget", "prod"], ["stack", "up", "--prot", "4570"]])
def test_ops_unknown_option_is_refused(words: list[str]) -> None:
    """A misspelt option does nothing but fail."""
    status, output = run(ops.app, *words)
    assert (status, "No such option" in output) == (2, True), output


@pytest.mark.parametrize("port", ["0", "65536", "abc", "-1"])
def test_stack_up_impossible_port_is_refused(port: str) -> None:
    """A port is 1 to 65535."""
    status, output = run(ops.app, "stack", "up", f"--port={port}")
    assert (status, "Invalid value for '--port'" in output) == (2, True), output


@pytest.mark.parametrize("at", ["yesterday", "2026-11-24T10:00:00", ""])
def test_restore_time_without_offset_is_refused(at: str) -> None:
    """A point in time has its UTC offset."""
    status, output = run(ops.app, "restore", f"--at={at}", "--target", "local")
    assert (status, "a time with its UTC offset is needed" in output) == (2, True), output


def test_options_are_not_read_from_the_shell() -> None:
    """No option comes from the environment of the shell, except those that a rehearsal sets."""
    found: set[str] = set()

    def collect(command: typer.core.TyperCommand | typer.core.TyperGroup) -> None:
        for parameter in command.params:
            found.update([parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or [])
        for child in getattr(command, "commands", {}).values():
            collect(child)

    for app in (ops.app, release.app):
        collect(typer.main.get_command(app))  # type: ignore[arg-type]
    assert found == {"REHEARSAL_VAR_FILE", "REHEARSAL_CANARY_SECONDS", "REHEARSAL_ARCHITECTURE", "REHEARSAL_HOST_PANGO"}


@pytest.mark.parametrize("app", [ops.app, stack.app, lab.app, release.app, all_tests.app])
def test_help_has_a_whole_line_for_each_command(app: typer.Typer) -> None:
    """On a terminal of 120 columns, --help cuts no line short."""
    result = CliRunner().invoke(app, ["--help"], terminal_width=120)
    assert "..." not in result.output.replace("[ARGS]...", ""), result.output


@pytest.mark.parametrize(
    ("program", "typed", "offered"),
    [
        ("ops", "dlq q --target ", ["local", "dev", "sit", "prod", "failover"]),
        ("release", "pro", ["promote"]),
        ("test", "e", ["e2e"]),
    ],
)
def test_shell_completes_commands_and_values(program: str, typed: str, offered: list[str]) -> None:
    """The shell gets completions from the program itself, without any set-up."""
    words = f"bin/{program} {typed}"
    question = {
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        f"_{program.upper()}_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [f"bin/{program}"], cwd=ROOT, env=os.environ | question, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.split() == offered


@pytest.mark.parametrize(
    "variable",
    [
        *("PYTHONHOME=/none", "PYTHONMALLOC=none", "PYTHONHASHSEED=none", "PYTHONWARNINGS=error"),
        "PYTHONIOENCODING=none",
    ],
)
def test_program_starts_whatever_the_shell_sets_for_python(variable: str) -> None:
    """Variables that would keep Python from starting, or its libraries from loading, do not reach it."""
    name, _, value = variable.partition("=")
    shell = {name: value, "COMP_WORDS": "bin/ops stack stat", "COMP_CWORD": "2", "_OPS_COMPLETE": "complete_bash"}
    done = subprocess.run(
        ["bin/ops"], cwd=ROOT, env=os.environ | shell, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.split(), done.stderr) == (["status"], "")


def test_release_without_git_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    """A downloaded archive has no commit, which a release is made of."""
    (tmp_path / "bin").mkdir()
    # Without `bin/.run`, which installs.
    program = shutil.copy(ROOT / "bin" / "release", tmp_path / "bin")
    done = subprocess.run([program, "make"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: this tree is not a git repository: a release is made of a commit, so clone it\n"


@pytest.mark.slow("common", "cli", "evidence", "labs", "localstack", "ops", "release", "tooling", "requirements")
@pytest.mark.parametrize("module", ["cli.ops", "cli.release", "localstack.console.app"])
def test_module_starts_with_the_local_libraries_only(module: str) -> None:
    """What `make up` starts runs where only the libraries of the local platform are installed."""
    script = f"import sys, {module}; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    distributions = importlib.metadata.packages_distributions()
    loaded = {name for module in modules.split() for name in distributions.get(module, [])}
    locked = set(
        re.findall(r"^([\w.-]+)(?:\[.*\])?==", (ROOT / "requirements" / "local.txt").read_text(), re.MULTILINE)
    )
    plain = [{re.sub(r"[-_.]+", "-", name).lower() for name in names} for names in (loaded, locked)]
    # urllib3 and requests take these if they find them.
    assert plain[0] - plain[1] <= {"brotli", "chardet"}
