"""Snapshots of stacks as a first `make up` leaves them, so that the next one need not wait for Terraform.

A snapshot is named by a digest of everything that shapes it, except the content of packages and templates, which every
`make up` brings up to date, and the ports, for which it has placeholders. One that is damaged or does not match is
never used.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import requests

from localstack import seed
from localstack.stack import Applied, Stack
from localstack.terraform import LocalTerraform
from tooling import provision
from tooling.files import digests
from tooling.paths import FIXTURES, ROOT

_KEPT = 6
_SAVE_SECONDS = 30
# What the engine keeps on disk, below its folder.
STATE = ("state", "s3")
_OUTPUTS = "outputs.json"
# SHA-256 of everything else in the snapshot.
_DIGEST = "sha256"
# In the addresses of resources, such as queues, and in Terraform's state.
_PORT = re.compile(rb"(?<=//127\.0\.0\.1:|//localhost:)[0-9]+")
_PLACEHOLDER = re.compile(rb"<port of (engine|cart)>")


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


def _ports(stack: Stack) -> dict[str, int]:
    """The ports that resources name: that of the engine, and that by which functions reach the cart stub."""
    return {"engine": stack.ports["engine"], "cart": stack.ports.get("proxy", stack.ports["cart"])}


def _without_ports(stack: Stack, text: bytes) -> bytes:
    """A text with placeholders for the ports of a stack in addresses."""
    placeholders = {str(port).encode(): f"<port of {use}>".encode() for use, port in _ports(stack).items()}
    return _PORT.sub(lambda found: placeholders.get(found[0], found[0]), text)


def _with_ports(stack: Stack, text: bytes) -> bytes:
    """A text with the ports of a stack in place of the placeholders."""
    return _PLACEHOLDER.sub(lambda found: str(_ports(stack)[found[1].decode()]).encode(), text)


def _rewrite(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the text of the files in a folder, except archives, which name no address."""
    for path in (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".zip"):
        before = path.read_bytes()
        after = change(before)
        if after != before:
            path.write_bytes(after)
            # Size and digests in it are those of the other text; without it the engine computes them.
            path.with_name(f"{path.name}.meta.json").unlink(missing_ok=True)


def _folder(stack: Stack) -> Path:
    """The folder of the snapshot that matches a stack."""
    anywhere = replace(stack, ports=dict.fromkeys({*_ports(stack), *stack.ports} - {"proxy"}, 0))
    digest = hashlib.sha256(LocalTerraform(anywhere).inputs().encode())
    # The users, and what makes them.
    for path in (*engine_files(), FIXTURES / "users.json", Path(seed.__file__)):
        digest.update(path.read_bytes())
    return _root() / digest.hexdigest()[:24]


def _digest(folder: Path) -> bytes:
    files = (path for path in folder.rglob("*") if path.is_file() and path != folder / _DIGEST)
    return hashlib.sha256(digests(files, folder)).hexdigest().encode()


def _whole(folder: Path) -> bool:
    """Whether a snapshot is there as it was saved: a power cut, for example, leaves empty files."""
    try:
        return (folder / _DIGEST).read_bytes() == _digest(folder)
    except OSError:
        return False


def exists(stack: Stack) -> bool:
    """Whether there is a snapshot for a stack, maybe a damaged one."""
    return _folder(stack).is_dir()


def remove(stack: Stack) -> None:
    """Remove the snapshot of a stack. Raises OSError: the cache cannot be written."""
    # Another clone may have removed it meanwhile.
    with suppress(FileNotFoundError):
        shutil.rmtree(_folder(stack))


def restore(stack: Stack) -> bool:
    """Put the snapshot of a stack into its engine's folder, before the engine starts; returns whether there is one."""
    folder = _folder(stack)
    if not possible(stack) or not _whole(folder):
        return False
    try:
        shutil.copytree(folder / "engine", stack.engine_dir, dirs_exist_ok=True)
        shutil.copyfile(folder / _OUTPUTS, stack.engine_dir / _OUTPUTS)
        for name in STATE:
            _rewrite(stack.engine_dir / name, partial(_with_ports, stack))
    except OSError:
        # Another clone has removed it meanwhile, or the disk is full.
        shutil.rmtree(stack.engine_dir, ignore_errors=True)
        return False
    # The oldest are removed first.
    with suppress(OSError):
        os.utime(folder)
    return True


def adopt(stack: Stack) -> None:
    """Take over Terraform's outputs of the restored snapshot, once the engine has started."""
    stack.outputs = json.loads(_with_ports(stack, (stack.engine_dir / _OUTPUTS).read_bytes()))
    calls = stack.changes_file.read_text().splitlines()
    stack.applied = Applied(LocalTerraform(stack).inputs(), len(calls))
    stack.save()


def save(stack: Stack) -> None:
    """Save a stack that no order has reached, and remove the snapshots that were not used for longest.

    A snapshot that another stack has saved meanwhile stays, since a third may run from it and get it again by a reset.
    Raises OSError: the cache cannot be written, or the engine does not save its state.
    """
    folder = _folder(stack)
    if not possible(stack) or _whole(folder):
        return
    requests.post(f"{stack.endpoint}/_ministack/save", timeout=_SAVE_SECONDS).raise_for_status()
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
    try:
        for name in STATE:
            (stack.engine_dir / name).mkdir(exist_ok=True)
            shutil.copytree(stack.engine_dir / name, unfinished / "engine" / name)
        stack.changes_file.touch()
        shutil.copyfile(stack.changes_file, unfinished / "engine" / stack.changes_file.name)
        (unfinished / _OUTPUTS).write_text(json.dumps(stack.outputs))
        _rewrite(unfinished, partial(_without_ports, stack))
        (unfinished / _DIGEST).write_bytes(_digest(unfinished))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    newest_first = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in newest_first[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
