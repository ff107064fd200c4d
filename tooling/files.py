"""Files that others read, or write too, while they are written."""

import uuid
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one step, so that a reader sees its former or its new content and never a part."""
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
