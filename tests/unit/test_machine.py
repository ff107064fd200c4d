"""What a machine lacks is named, with how to get it."""

import os
import subprocess
import sys
from pathlib import Path

from tooling.paths import ROOT

MACHINE = ROOT / "tooling" / "machine.py"


def run(path: str, home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "HOME": str(home), "PYENV_ROOT": str(home), **variables}
    command = [sys.executable, str(MACHINE), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def fake(folder: Path, name: str, prints: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\n")
    program.chmod(0o755)


def test_a_machine_without_terraform_is_told_where_it_comes_from(tmp_path: Path) -> None:
    done = run("/usr/sbin:/sbin", tmp_path)
    assert done.returncode == 1
    assert "missing: Terraform 1.10 or later" in done.stderr
    assert "https://developer.hashicorp.com/terraform/install" in done.stderr


def test_a_terraform_that_is_too_old_is_named_with_its_version(tmp_path: Path) -> None:
    fake(tmp_path, "terraform", '{"terraform_version": "1.5.7"}')
    done = run(f"{tmp_path}:{os.environ['PATH']}", tmp_path)
    assert done.returncode == 1
    assert "Terraform 1.10 or later (there is 1.5.7)" in done.stderr


def test_a_complete_machine_lacks_nothing(tmp_path: Path) -> None:
    fake(tmp_path, "terraform", '{"terraform_version": "1.10.0"}')
    done = run(f"{tmp_path}:{os.environ['PATH']}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_chromium_is_asked_for_by_the_tests_alone_and_can_be_named(tmp_path: Path) -> None:
    fake(tmp_path, "terraform", '{"terraform_version": "1.10.0"}')
    fake(tmp_path, "browser", "")
    path, none = f"{tmp_path}:{os.environ['PATH']}", {"CHROMIUM": str(tmp_path / "none")}
    lacking = run(path, tmp_path, "test", **none)
    assert lacking.returncode == 1
    assert "missing: Chromium or Chrome" in lacking.stderr
    assert "apt-get install chromium" in lacking.stderr
    assert run(path, tmp_path, **none).returncode == 0
    assert run(path, tmp_path, "test", CHROMIUM=str(tmp_path / "browser")).returncode == 0
