"""The parts of `bin/test`: output as it comes, exit statuses, hints and the summary."""

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from localstack.terraform import TERRAFORM_DIR
from tests.support import check_steps
from tests.support.check_steps import api_steps, lint_steps, provider_steps, terraform_steps
from tests.support.parts import Parts, Step
from tests.support.pytest_steps import EndToEnd
from tooling.paths import ROOT

CLOSING = "===== 3 passed, 1 skipped in 0.12s ====="
# The log that pytest shows of a failed test is no line of its summary.
BROKEN = """import logging

import pytest


@pytest.mark.parametrize("n", range(21))
def test_fails(n):
    logging.error("in test_broken.py")
    assert n < 0


@pytest.fixture
def missing():
    raise OSError("no disk")


def test_errs(missing):
    pass
"""


def python(code: str) -> list[str]:
    """Command for a line of Python."""
    return [sys.executable, "-c", code]


@pytest.fixture
def output() -> io.StringIO:
    """What the parts print."""
    return io.StringIO()


@pytest.fixture
def parts(output: io.StringIO) -> Parts:
    """Parts whose lines begin with their name."""
    return Parts(prefixed=True, report=Console(file=output, width=200, highlight=False, markup=False, soft_wrap=True))


def test_each_line_names_its_part(parts: Parts, output: io.StringIO) -> None:
    """Both output streams are shown line by line, with the name of the part."""
    code = "import sys; print('out [bold]'); print('err', file=sys.stderr)"
    assert parts.run("lint", lambda: [Step(python(code))])
    lines = output.getvalue().splitlines()
    assert sorted(lines) == ["lint       │ err", "lint       │ out [bold]"]


def test_failed_step_ends_its_part(parts: Parts, output: io.StringIO) -> None:
    """After a failure only steps that always run follow, and the hint says what to do."""
    steps = [
        Step(python("raise SystemExit(3)"), "fix it"),
        Step(python("print('never')")),
        Step(python("print('always')"), always=True),
    ]
    assert not parts.run("types", lambda: steps)
    assert parts.run("unit", lambda: [Step(python("raise SystemExit(5)"), passes=(0, 5))])
    text = output.getvalue()
    assert "never" not in text
    assert "│ always" in text
    assert "next: fix it" in text
    assert parts.summarise() == 1


def test_summary_has_results_and_closing_lines(parts: Parts, output: io.StringIO) -> None:
    """The summary shows each part's result and time, and the closing lines of pytest as pytest prints them."""
    assert parts.run("unit", lambda: [Step(python(f"print('{CLOSING}')"))], nice=True)
    assert not parts.run("e2e", lambda: [Step(python("raise SystemExit(1)"), "look")])
    assert parts.summarise() == 1
    lines = output.getvalue().splitlines()
    assert CLOSING in lines
    assert [line.split()[:2] for line in lines[-2:]] == [["unit", "passed"], ["e2e", "FAILED"]]


def test_summary_names_failed_tests(
    parts: Parts, output: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary names the first twenty tests of a part that failed, as pytest does, since logs are cut."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    (tmp_path / "test_broken.py").write_text(BROKEN)
    run = Step([sys.executable, "-m", "pytest", "-p", "no:cacheprovider"], folder=tmp_path)
    assert not parts.run("unit", lambda: [run])
    assert not parts.run("e2e", lambda: [Step(python("print('ERROR e2e/test_order.py - OSError'); exit(1)"))])
    before = len(output.getvalue())
    assert parts.summarise() == 1
    blank, closing, *lines, _, _ = output.getvalue()[before:].splitlines()
    assert blank == ""
    assert "21 failed, 1 error in " in closing
    named = [f"FAILED test_broken.py::test_fails[{n}]" for n in range(20)]
    assert [line.partition(" - ")[0] for line in lines[:20]] == named
    assert lines[20:] == ["… and 2 more of unit", "ERROR e2e/test_order.py - OSError"]


def test_single_part_has_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """A part that runs alone prints to the terminal itself."""
    alone = Parts(prefixed=False)
    assert alone.run("lint", lambda: [Step(python("print('plain')"))])
    assert alone.summarise() == 0
    assert capfd.readouterr().out == "plain\n"


def test_steps_cover_rooms_and_configurations() -> None:
    """Every step names its program; Terraform's tests are run for each environment."""
    commands = [" ".join(map(str, step.command)) for step in [*lint_steps(), *terraform_steps()]]
    for expected in ("ruff check .", "lint-imports", "zizmor", "fmt -check", "checkov", "account.tftest.hcl"):
        assert any(expected in command for command in commands), expected
    terraform = " ".join(commands)
    assert re.findall(r"-var-file=env/(\w+)\.tfvars -filter=tests/environment", terraform) == [
        "local",
        "dev",
        "sit",
        "prod",
    ]
    assert re.findall(r"-var-file=env/(\w+)\.tfvars -filter=tests/account", terraform) == ["dev", "sit", "prod"]
    assert all(
        Path(step.command[0]).name in ("terraform", "python", "python3", "checkov") for step in terraform_steps()
    )


def test_arguments_may_select_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With arguments of pytest a part without tests passes; without, it fails."""
    monkeypatch.setenv("EVIDENCE_DIR", str(tmp_path))
    assert EndToEnd("local", ["-k", "paging"], {}).together().passes == (0, 5)
    assert EndToEnd("local", [], {}).together().passes == (0,)


def test_other_provider_is_initialized_beside_the_locks(parts: Parts, output: io.StringIO) -> None:
    """Terraform is initialized with a version that its constraints allow, and refuses another; the locks stay."""
    locks = [folder / ".terraform.lock.hcl" for folder in (TERRAFORM_DIR, TERRAFORM_DIR / "bootstrap")]
    before = [lock.read_bytes() for lock in locks]
    assert parts.run("provider", lambda: provider_steps("5.100.0")[:2])
    assert "hashicorp/aws v5.100.0" in output.getvalue()
    assert not parts.run("provider", lambda: provider_steps("~> 4.0")[:1])
    assert [lock.read_bytes() for lock in locks] == before


def test_api_linters_without_npm_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parts: Parts, output: io.StringIO
) -> None:
    """On a machine without npm the part passes, and says that the linters did not run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert parts.run("api", api_steps)
    assert "npm is not installed: the linters of docs/openapi.json did not run" in output.getvalue()


def test_api_linters_are_installed_whatever_the_shell_sets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parts: Parts, output: io.StringIO
) -> None:
    """The linters are development dependencies, which npm leaves out for production; then they are installed again.

    A program in place of npm: an installation takes a minute, and a registry.
    """
    modules = tmp_path / "build" / "openapi" / "node_modules"
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\nmkdir node_modules; touch node_modules/.package-lock.json; env; echo $*\n")
    npm.chmod(0o755)
    monkeypatch.setattr(check_steps, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    shell = {"NODE_ENV": "production", "npm_config_omit": "dev", "NPM_CONFIG_DRY_RUN": "true"}
    kept = {"npm_config_registry": "https://npm.example", "NODE_EXTRA_CA_CERTS": "/ours.pem"}
    for name, value in (shell | kept).items():
        monkeypatch.setenv(name, value)
    assert parts.run("api", lambda: api_steps()[:1])
    printed = output.getvalue()
    assert "│ ci --include=dev " in printed
    assert [name for name in shell if f"│ {name}=" in printed] == []
    assert [name for name in kept if f"│ {name}={kept[name]}" in printed] == [*kept]
    assert api_steps()[0].command[1] == "ci"
    (modules / ".bin").mkdir()
    for name in ("redocly", "spectral"):
        (modules / ".bin" / name).touch()
    assert Path(api_steps()[0].command[0]).name == "redocly"


def test_api_linters_are_locked() -> None:
    """Each package of the linters has a digest, and no address of a registry."""
    lock = json.loads((ROOT / "tooling" / "openapi" / "package-lock.json").read_text())
    packages = [package for path, package in lock["packages"].items() if path]
    assert len(packages) > 100
    assert all(package["integrity"].startswith("sha512-") and "resolved" not in package for package in packages)
