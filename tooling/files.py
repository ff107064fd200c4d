"""Files that are read while they are written."""

from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one step, so that whoever reads it sees its former or its new content and never a part."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    partial.replace(path)
