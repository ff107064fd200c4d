"""The checks for secrets, weaknesses and vulnerabilities: what they find, and that exceptions have a reason."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import passed
from tests.support.check_steps import audit_steps
from tooling.paths import ROOT

BIN = Path(sys.executable).parent
AUDIT = (sys.executable, "-m", "tests", "audit")
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PACKAGES = ("common", "functions", "tooling", "release", "ops", "evidence", "localstack", "labs", "cli")
CODE = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
# Assembled at runtime, so that the check does not find secrets in this file.
PLANTED = {
    "an AWS key": 'KEY = "AKIA' + 'QYLPMN5HFIQR7XYA"',
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a GitHub token": 'NAME = "ghp_' + "w" * 36 + '"',
    "a phrase": "pass" + 'word = "Tr0ub4dor-and-3"',
}


def run(*command: str | Path) -> tuple[int, str]:
    """Run a command; returns its exit status and its output."""
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow("requirements", "tests/support")
def test_secret_in_a_file_is_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The check for secrets finds a key, a token or a password in a file, and reports it until it is gone."""
    scan = (str(BIN / "detect-secrets-hook"), "--no-verify")
    files = {tmp_path / f"{what.replace(' ', '_')}.py": secret for what, secret in PLANTED.items()}
    names = [str(path) for path in files]
    for path in files:
        path.write_text("NAME = 'orders'\n")
    assert passed.check(scan, names, tmp_path / "passed") == 0
    for path, secret in files.items():
        path.write_text(secret + "\n")
    for _ in range(2):
        assert passed.check(scan, names, tmp_path / "passed") == 1
        found = capfd.readouterr().out
        assert [name for name in names if f"{name}:1" not in found] == []


def test_exception_from_a_check_has_a_reason() -> None:
    """Each exception from a security check names the check and its reason."""
    unexplained = []
    for path in CODE:
        before = ""
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            marks = re.search(r"#\s*(noqa: S|nosec|pragma: allowlist)", line)
            reason = re.search(r"# (?!noqa|nosec|pragma)\S", line) or before.lstrip().startswith("# ")
            if marks and not reason:
                unexplained.append(f"{path.relative_to(ROOT)}:{number}")
            # An exception that names no check would disable all of them.
            if re.search(r"\bnosec(?! B\d{3})|noqa(?!: )", line):
                unexplained.append(f"{path.relative_to(ROOT)}:{number} names no check")
            before = line
    assert unexplained == []


def test_service_code_has_no_exception() -> None:
    """Code that runs in AWS has no exception from a security check."""
    hidden = [path for path in CODE if re.search("nosec|noqa: S", path.read_text())]
    assert not [path for path in hidden if path.relative_to(ROOT).parts[0] in ("common", "functions")]


def test_audit_ignores_no_vulnerability() -> None:
    """The audit ignores no known vulnerability."""
    # An exception belongs here, with its id and the reason why the vulnerability does not affect this project.
    assert not [word for step in audit_steps(None, LOCKS) for word in step.command if "ignore" in word]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_library_is_locked_by_version_and_hash(lock: Path) -> None:
    """Each library is locked by version and hash, and each lock file has a dependency group."""
    entries = re.split(r"^(?=\w)", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+(\[[\w, -]+\])?==\S+ ", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert lock.stem in tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]


class Advisories(HTTPServer):
    """A service with the interface of OSV that reports a vulnerability of one library.

    Args:
        vulnerable: Name of the library.
    """

    def __init__(self, vulnerable: str) -> None:
        requested: list[str] = []

        class Service(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = query["package"]["name"]
                requested.append(name)
                package = {"name": name, "ecosystem": "PyPI"}
                found: Any = {"vulns": [{"id": "TEST-1", "summary": "x", "affected": [{"package": package}]}]}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(found if name == vulnerable else {}).encode())

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        super().__init__(("127.0.0.1", 0), Service)
        self.requested = requested
        self.url = f"http://127.0.0.1:{self.server_port}/v1/query"


@pytest.fixture
def advisories(request: pytest.FixtureRequest) -> Iterator[Advisories]:
    """The service, reporting a vulnerability of the library in the test's parameter."""
    server = Advisories(request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.slow("requirements", "tests/support/check_steps.py")
@pytest.mark.parametrize("advisories", ["jinja2"], indirect=True)
def test_audit_fails_for_a_vulnerable_library(advisories: Advisories) -> None:
    """The audit queries every locked library, and fails when one has a known vulnerability."""
    status, output = run(*AUDIT, f"--url={advisories.url}")
    assert status != 0
    assert re.search(r"^jinja2 +\S+ +TEST-1", output, re.MULTILINE), output
    audited = [lock for lock in LOCKS if lock.stem != "localstack"]  # Frozen with the libraries of its time.
    locked = {
        name for lock in audited for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", lock.read_text(), re.MULTILINE)
    }
    assert set(advisories.requested) == {re.sub(r"[-_.]+", "-", name).lower() for name in locked}


@pytest.mark.slow("requirements", "tests/support/check_steps.py")
@pytest.mark.parametrize("advisories", ["nothing"], indirect=True)
def test_audit_passes_only_with_a_response(advisories: Advisories) -> None:
    """The audit passes when no vulnerability is known, and fails when the service does not respond."""
    audit = (*AUDIT, "--lock=requirements/functions.txt")
    assert run(*audit, f"--url={advisories.url}")[0] == 0
    assert run(*audit, "--url=http://127.0.0.1:9/v1/query")[0] != 0
