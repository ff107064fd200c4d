"""Looks for secrets with detect-secrets in the files of the arguments that changed since they last passed.

The digests of the files that passed are in build/secrets.json, as the caches of ruff and mypy are for what those have
checked: another version of detect-secrets, other options or another name of a file check it again. No secret is sent to
anybody to verify it.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tooling.paths import ROOT

PASSED = ROOT / "build" / "secrets.json"
_COMMAND = (str(ROOT / ".venv" / "bin" / "detect-secrets-hook"), "--no-verify")


def _key(name: str) -> str:
    how = json.dumps([version("detect-secrets"), _COMMAND[1:], name])
    return hashlib.sha256(how.encode() + Path(name).read_bytes()).hexdigest()


def scan(names: Sequence[str], passed: Path = PASSED) -> int:
    """Check files by their names; returns the exit status of detect-secrets, 0 if no file is to be checked.

    Args:
        names: Paths, absolute or from the current folder.
        passed: File with the digests of files that passed.
    """
    keys = {name: _key(name) for name in names}
    known = set(json.loads(passed.read_text())) if passed.exists() else set[str]()
    changed = [name for name in names if keys[name] not in known]
    status = subprocess.run([*_COMMAND, *changed], check=False).returncode if changed else 0
    if status == 0:
        passed.parent.mkdir(parents=True, exist_ok=True)
        passed.write_text(json.dumps(sorted(keys.values())))
    return status


if __name__ == "__main__":
    sys.exit(scan(sys.argv[1:]))
