"""What a machine lacks is named, with how to get it."""

import os
import subprocess
import sys
from pathlib import Path

from localstack.stack import ROOT

MACHINE = ROOT / "localstack" / "machine.py"


def run(path: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "HOME": str(home), "PYENV_ROOT": str(home)}
    command = [sys.executable, str(MACHINE)]
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
