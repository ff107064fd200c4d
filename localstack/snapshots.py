"""Snapshots of stacks as a first `make up` leaves them, so that the next one need not wait for Terraform.

A snapshot is named by a digest of everything that shapes it, except the content of packages and templates, which every
`make up` brings up to date. One that is damaged or does not match is never used.
"""

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import requests

from localstack.sidecars.cart_stub import FIXTURES
from localstack.stack import Applied, Stack
from localstack.terraform import LocalTerraform
from tooling import provision
from tooling.paths import ROOT

_KEPT = 6
_SAVE_SECONDS = 30
# What the engine keeps on disk, below its folder.
STATE = ("state", "s3")
_OUTPUTS = "outputs.json"


def engine_files() -> list[Path]:
    """The files that shape what the engine saves: its version, its patches, and how it is started."""
    folder = ROOT / "localstack"
    patches = sorted((folder / "ministack_patches").glob("*.py"))
    return [*patches, folder / "engines" / "ministack.py", ROOT / "requirements" / "engine.txt"]


def _root() -> Path:
    return provision.cache() / "snapshots"


def possible(stack: Stack) -> bool:
    """Whether a stack can be saved and restored: on the embedded engine, without certificates."""
    return stack.engine == "embedded" and stack.certificates is None


def _folder(stack: Stack) -> Path:
    """The folder of the snapshot that matches a stack."""
    # The port is part of the addresses of queues, in Terraform's state too.
    digest = hashlib.sha256(f"{stack.ports['engine']} {LocalTerraform(stack).inputs()}".encode())
    for path in (*engine_files(), FIXTURES / "users.json"):
        digest.update(path.read_bytes())
    return _root() / digest.hexdigest()[:24]


def restore(stack: Stack) -> bool:
    """Put the snapshot of a stack into its engine's folder, before the engine starts; returns whether there is one."""
    folder = _folder(stack)
    whole = all((folder / name).exists() for name in (_OUTPUTS, *(f"engine/{name}" for name in STATE)))
    if not possible(stack) or not whole:
        return False
    shutil.copytree(folder / "engine", stack.engine_dir, dirs_exist_ok=True)
    # The oldest are removed first.
    with suppress(OSError):
        os.utime(folder)
    return True


def adopt(stack: Stack) -> None:
    """Take over Terraform's outputs of the restored snapshot, once the engine has started."""
    stack.outputs = json.loads((_folder(stack) / _OUTPUTS).read_text())
    calls = stack.changes_file.read_text().splitlines()
    stack.applied = Applied(LocalTerraform(stack).inputs(), len(calls))
    stack.save()


def save(stack: Stack) -> None:
    """Save a stack that no order has reached, and remove the snapshots that were not used for longest."""
    if not possible(stack):
        return
    requests.post(f"{stack.endpoint}/_ministack/save", timeout=_SAVE_SECONDS).raise_for_status()
    folder = _folder(stack)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
    try:
        for name in STATE:
            (stack.engine_dir / name).mkdir(exist_ok=True)
            shutil.copytree(stack.engine_dir / name, partial / "engine" / name)
        stack.changes_file.touch()
        shutil.copyfile(stack.changes_file, partial / "engine" / stack.changes_file.name)
        (partial / _OUTPUTS).write_text(json.dumps(stack.outputs))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    newest_first = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in newest_first[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
