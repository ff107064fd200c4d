"""The security checks find what they are for, and no finding is silenced without a reason."""

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

from tests.__main__ import ROOMS, audit_steps
from tooling.paths import ROOT

BIN = Path(sys.executable).parent
AUDIT = (sys.executable, "-m", "tests", "audit")
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
CODE = [path for folder in ("common", "functions", *ROOMS) for path in (ROOT / folder).rglob("*.py")]
# Assembled, or this file would be one of those that are found.
PLANTED = {
    "an AWS key": 'KEY = "AKIA' + 'QYLPMN5HFIQR7XYA"',
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a GitHub token": 'NAME = "ghp_' + "w" * 36 + '"',
    "a phrase": "pass" + 'word = "Tr0ub4dor-and-3"',
}


def run(*command: str | Path) -> tuple[int, str]:
    """Exit status and output of a command."""
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("what", PLANTED)
def test_secret_in_file_is_found(tmp_path: Path, what: str) -> None:
    """A key, a token or a password in a file is found."""
    planted = tmp_path / "settings.py"
    planted.write_text("NAME = 'orders'\n")
    assert run(BIN / "detect-secrets-hook", "--no-verify", planted)[0] == 0
    planted.write_text(PLANTED[what] + "\n")
    status, output = run(BIN / "detect-secrets-hook", "--no-verify", planted)
    assert status == 1
    assert f"{planted}:1" in output


def test_silenced_finding_has_a_reason() -> None:
    """Each comment that silences a check names the check and says why."""
    unexplained = []
    for path in CODE:
        before = ""
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            marks = re.search(r"#\s*(noqa: S|nosec|pragma: allowlist)", line)
            reason = re.search(r"# (?!noqa|nosec|pragma)\S", line) or before.lstrip().startswith("# ")
            if marks and not reason:
                unexplained.append(f"{path.relative_to(ROOT)}:{number}")
            # A comment that names no check would silence all of them.
            if re.search(r"\bnosec(?! B\d{3})|noqa(?!: )", line):
                unexplained.append(f"{path.relative_to(ROOT)}:{number} names no check")
            before = line
    assert unexplained == []


def test_code_in_aws_silences_no_check() -> None:
    """What runs in AWS has no exception from a security check."""
    silenced = [path for path in CODE if re.search("nosec|noqa: S", path.read_text())]
    assert not [path for path in silenced if path.relative_to(ROOT).parts[0] in ("common", "functions")]


def test_audit_ignores_no_vulnerability() -> None:
    """No known vulnerability is ignored."""
    assert not [word for step in audit_steps(None, LOCKS) for word in step.command if "ignore" in word]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_library_is_locked_by_version_and_hash(lock: Path) -> None:
    """Each library has a version and a hash."""
    entries = re.split(r"^(?=\w)", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+(\[[\w, -]+\])?==\S+ ", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert lock.stem in tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]


class Advisories(HTTPServer):
    """A service like OSV.

    Args:
        vulnerable: Name of the one library that has a vulnerability.
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
                """Keep the output of the test clean."""

        super().__init__(("127.0.0.1", 0), Service)
        self.requested = requested
        self.url = f"http://127.0.0.1:{self.server_port}/v1/query"


@pytest.fixture
def advisories(request: pytest.FixtureRequest) -> Iterator[Advisories]:
    """The service, which knows a vulnerability of the library that the test names."""
    server = Advisories(request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("advisories", ["jinja2"], indirect=True)
def test_audit_vulnerable_library_fails(advisories: Advisories) -> None:
    """The audit looks up every locked library, and fails for one with a vulnerability."""
    status, output = run(*AUDIT, f"--url={advisories.url}")
    assert status != 0
    assert re.search(r"^jinja2 +\S+ +TEST-1", output, re.MULTILINE), output
    audited = [lock for lock in LOCKS if lock.stem != "localstack"]
    locked = {
        name for lock in audited for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", lock.read_text(), re.MULTILINE)
    }
    assert set(advisories.requested) == {re.sub(r"[-_.]+", "-", name).lower() for name in locked}


@pytest.mark.parametrize("advisories", ["nothing"], indirect=True)
def test_audit_without_response_fails(advisories: Advisories) -> None:
    """The audit passes if nothing is known, and fails if the service does not respond."""
    audit = (*AUDIT, "--lock=requirements/functions.txt")
    assert run(*audit, f"--url={advisories.url}")[0] == 0
    assert run(*audit, "--url=http://127.0.0.1:9/v1/query")[0] != 0
