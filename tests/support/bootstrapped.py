"""The accounts of dev, sit and prod, bootstrapped once for all tests that need them, and kept for the next run.

Terraform applies terraform/bootstrap to the three accounts of an engine, and the engine saves them to build/accounts.
The folder there is named by a digest of everything that shapes them, as a snapshot of `make up` is.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests

from labs.rehearsal.accounts import Accounts
from localstack import snapshots
from localstack.terraform import TERRAFORM_DIR
from release.environments import EnvironmentName
from tests.support.secure_engine import secure_engine
from tooling import locks, machine
from tooling.cli import UserError
from tooling.paths import ROOT

NAME: Final = "api.kimmyai.io"
_ENVIRONMENTS: Final[tuple[EnvironmentName, ...]] = ("dev", "sit", "prod")
_KEPT = ROOT / "build" / "accounts"
_SAVE_SECONDS = 30
# To make the accounts takes a minute, and several on a busy machine.
_LOCK_SECONDS = 900


def _sources() -> list[Path]:
    """Terraform's code, the engine and what bootstraps the accounts."""
    code = [
        path
        for pattern in ("bootstrap/*", "bootstrap/env/*", "modules/**/*")
        for path in TERRAFORM_DIR.glob(pattern)
        if path.is_file()
    ]
    own = [Path(__file__), Path(__file__).with_name("secure_engine.py")]
    return sorted([*code, *snapshots.engine_files(), ROOT / "labs" / "rehearsal" / "accounts.py", *own])


def _digest() -> str:
    """Digest of Terraform's version and of the contents of the sources."""
    digest = hashlib.sha256(machine.terraform_version().encode())
    for path in _sources():
        digest.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:24]


def _make(folder: Path) -> None:
    """Bootstrap the accounts of a new engine, and save them to a folder."""
    with tempfile.TemporaryDirectory() as made, secure_engine(Path(made)) as stack:
        accounts = Accounts(stack)
        accounts.delegate("prod", NAME)
        with ThreadPoolExecutor() as pool:
            list(pool.map(accounts.bootstrap, _ENVIRONMENTS))
        requests.post(
            f"{stack.endpoint}/_ministack/save", timeout=_SAVE_SECONDS, verify=accounts.bundle
        ).raise_for_status()
        for name in snapshots.STATE:
            shutil.copytree(stack.engine_dir / name, folder / "engine" / name)
        (folder / "zones.json").write_text(json.dumps(accounts.zones))


def _kept() -> Path:
    """The folder of the saved accounts; makes it if no run has, and removes those of other digests."""
    folder = _KEPT / _digest()
    # All workers of pytest need it at about the same time.
    busy = UserError(f"another run has not made its accounts after {_LOCK_SECONDS} s: wait for it to end")
    with locks.exclusive(_KEPT / "lock", _LOCK_SECONDS, busy):
        if not folder.exists():
            for old in (path for path in _KEPT.iterdir() if path.is_dir()):
                shutil.rmtree(old)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=_KEPT))
            _make(partial)
            partial.rename(folder)
    return folder


@contextmanager
def bootstrapped(folder: Path) -> Iterator[Accounts]:
    """Start an engine with the accounts, and stop it at the end; prod has the hosted zone of NAME.

    Args:
        folder: Folder of the engine's stack.
    """
    saved = _kept()
    with secure_engine(folder, saved / "engine") as stack:
        accounts = Accounts(stack)
        accounts.zones = json.loads((saved / "zones.json").read_text())
        yield accounts
