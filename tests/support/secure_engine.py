"""An engine that speaks TLS."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localstack import processes, tls
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack


@contextmanager
def secure_engine(folder: Path, saved: Path | None = None) -> Iterator[Stack]:
    """Start an engine on free ports with new certificates, and stop it at the end.

    Args:
        folder: Folder of its stack.
        saved: What an engine saved in its folder, with which this one starts; it starts empty if None.
    """
    ports = {use: processes.free_port() for use in ("engine", "cart")}
    stack, engine = Stack(folder, ports=ports, certificates=tls.make(folder / "tls")), MiniStack()
    if saved:
        shutil.copytree(saved, stack.engine_dir)
    try:
        engine.start(stack)
        yield stack
    finally:
        engine.stop(stack)
