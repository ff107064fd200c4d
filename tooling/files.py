"""Files that others read, or write too, while they are written; lists of what files contain."""

import hashlib
import os
import uuid
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one step, so that a reader sees its former or its new content and never a part."""
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def digests(files: Iterable[Path], base: Path) -> bytes:
    """Names, relative to a folder, and SHA-256 of files, sorted, a line each: the same for a copy of the folder."""
    lines = (f"{os.path.relpath(path, base)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in sorted(files))
    return "".join(f"{line}\n" for line in lines).encode()
