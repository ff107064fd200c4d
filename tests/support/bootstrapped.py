"""The accounts of dev, sit and prod, bootstrapped once for all tests that need them, and kept for the next run.

Terraform applies terraform/bootstrap to the three accounts of an engine, and the engine saves them.
"""

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
from tests.support.kept import kept, program
from tests.support.secure_engine import secure_engine
from tooling.paths import ROOT

NAME: Final = "api.kimmyai.io"
_ENVIRONMENTS: Final[tuple[EnvironmentName, ...]] = ("dev", "sit", "prod")
_SAVE_SECONDS = 30


def _make(folder: Path) -> None:
    """Bootstrap the accounts of a new engine, and save them to a folder."""
    with tempfile.TemporaryDirectory() as made, secure_engine(Path(made)) as stack:
        accounts = Accounts(stack)
        accounts.delegate("prod", NAME)
        with ThreadPoolExecutor() as pool:
            list(pool.map(accounts.bootstrap, _ENVIRONMENTS))
        save(accounts, folder)


def save(accounts: Accounts, folder: Path) -> None:
    """Save the engine of accounts to a folder, with which `bootstrapped` can start another one."""
    stack = accounts.stack
    requests.post(f"{stack.endpoint}/_ministack/save", timeout=_SAVE_SECONDS, verify=accounts.bundle).raise_for_status()
    for name in snapshots.STATE:
        shutil.copytree(stack.engine_dir / name, folder / "engine" / name)
    (folder / "zones.json").write_text(json.dumps(accounts.zones))


def inputs() -> list[Path]:
    """What shapes the accounts: Terraform's code, the engine and what bootstraps them."""
    code = [TERRAFORM_DIR / name for name in ("bootstrap", "modules")]
    own = [ROOT / "labs" / "rehearsal" / "accounts.py", Path(__file__), Path(__file__).with_name("secure_engine.py")]
    return [*program("terraform"), *code, *snapshots.engine_files(), *own]


@contextmanager
def bootstrapped(folder: Path, saved: Path | None = None) -> Iterator[Accounts]:
    """Start an engine with the accounts, and stop it at the end; prod has the hosted zone of NAME.

    Args:
        folder: Folder of the engine's stack.
        saved: What `save` saved; None for accounts that are only bootstrapped.
    """
    saved = saved or kept("accounts", inputs(), _make)
    with secure_engine(folder, saved / "engine") as stack:
        accounts = Accounts(stack)
        accounts.zones = json.loads((saved / "zones.json").read_text())
        yield accounts
