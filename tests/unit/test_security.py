"""What `bin/test security` and `bin/test audit` find, and that nothing is hidden from them without a reason."""

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

from tooling.paths import ROOT

BIN = Path(sys.executable).parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
CODE = [path for folder in ("common", "functions", "release", "localstack") for path in (ROOT / folder).rglob("*.py")]
# Assembled, or this file would be one of those that are found.
PLANTED = {
    "an AWS key": 'KEY = "AKIA' + 'QYLPMN5HFIQR7XYA"',
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a GitHub token": 'NAME = "ghp_' + "w" * 36 + '"',
    "a phrase": "pass" + 'word = "Tr0ub4dor-and-3"',
}


def run(*command: str | Path) -> tuple[int, str]:
    """A command's exit status, and what it says."""
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("what", PLANTED)
def test_a_secret_in_a_file_is_found(tmp_path: Path, what: str) -> None:
    planted = tmp_path / "settings.py"
    planted.write_text("NAME = 'orders'\n")
    assert run(BIN / "detect-secrets-hook", "--no-verify", planted)[0] == 0
    planted.write_text(PLANTED[what] + "\n")
    status, said = run(BIN / "detect-secrets-hook", "--no-verify", planted)
    assert status == 1
    assert f"{planted}:1" in said


def test_what_is_hidden_from_a_check_says_why() -> None:
    unexplained = []
    for path in CODE:
        before = ""
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            marks = re.search(r"#\s*(noqa: S|nosec|pragma: allowlist)", line)
            reason = re.search(r"# (?!noqa|nosec|pragma)\S", line) or before.lstrip().startswith("# ")
            if marks and not reason:
                unexplained.append(f"{path.relative_to(ROOT)}:{number}")
            # A mark that names no check would hide all of them.
            if re.search(r"\bnosec(?! B\d{3})|noqa(?!: )", line):
                unexplained.append(f"{path.relative_to(ROOT)}:{number} names no check")
            before = line
    assert unexplained == []


def test_nothing_that_runs_in_aws_is_hidden_from_a_check() -> None:
    hidden = [path for path in CODE if re.search("nosec|noqa: S", path.read_text())]
    assert not [path for path in hidden if path.relative_to(ROOT).parts[0] in ("common", "functions")]


def test_no_known_vulnerability_is_ignored() -> None:
    # One that must be goes here, with its id and why it does not reach us.
    assert "--ignore-vuln" not in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_library_is_locked_by_version_and_hash(lock: Path) -> None:
    entries = re.split(r"^(?=\w)", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+(\[[\w, -]+\])?==\S+ ", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert lock.stem in tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]


class Advisories(HTTPServer):
    """A service that answers as OSV does.

    Args:
        vulnerable: name of the one library that it knows a vulnerability of.
    """

    def __init__(self, vulnerable: str) -> None:
        asked: list[str] = []

        class Service(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = query["package"]["name"]
                asked.append(name)
                package = {"name": name, "ecosystem": "PyPI"}
                found: Any = {"vulns": [{"id": "TEST-1", "summary": "x", "affected": [{"package": package}]}]}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(found if name == vulnerable else {}).encode())

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        super().__init__(("127.0.0.1", 0), Service)
        self.asked = asked
        self.url = f"http://127.0.0.1:{self.server_port}/v1/query"


@pytest.fixture
def advisories(request: pytest.FixtureRequest) -> Iterator[Advisories]:
    """The service, with a vulnerability of the library that the test names."""
    server = Advisories(request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("advisories", ["jinja2"], indirect=True)
def test_an_audit_asks_for_every_library_and_fails_for_a_vulnerable_one(advisories: Advisories) -> None:
    status, said = run("make", "audit", f"AUDIT_URL={advisories.url}")
    assert status != 0
    assert re.search(r"^jinja2 +\S+ +TEST-1", said, re.MULTILINE), said
    audited = [lock for lock in LOCKS if lock.stem != "localstack"]  # Frozen with the libraries of its time.
    locked = {
        name for lock in audited for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", lock.read_text(), re.MULTILINE)
    }
    assert set(advisories.asked) == {re.sub(r"[-_.]+", "-", name).lower() for name in locked}


@pytest.mark.parametrize("advisories", ["nothing"], indirect=True)
def test_an_audit_passes_when_nothing_is_known_and_fails_without_an_answer(advisories: Advisories) -> None:
    audit = ("make", "audit", "LOCKS=requirements/functions.txt")
    assert run(*audit, f"AUDIT_URL={advisories.url}")[0] == 0
    assert run(*audit, "AUDIT_URL=http://127.0.0.1:9/v1/query")[0] != 0
