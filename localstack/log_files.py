"""Logs of processes, bounded: what has become too large is moved aside, and the end of it kept.

The embedded engine imports this too, so it needs the standard library alone.
"""

import os
from pathlib import Path

# A log of a day with thousands of orders is smaller.
LIMIT_BYTES = 20_000_000
_KEPT_BYTES = 2_000_000


def trim(log: Path, limit: int = LIMIT_BYTES) -> None:
    """Empty a log above a limit, after its end was copied to a file with the suffix .1; processes may append to it."""
    if not log.exists() or (size := log.stat().st_size) <= limit:
        return
    with log.open("rb") as file:
        file.seek(max(0, size - _KEPT_BYTES))
        log.with_name(f"{log.name}.1").write_bytes(file.read())
    os.truncate(log, 0)
