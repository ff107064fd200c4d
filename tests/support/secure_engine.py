"""An engine that speaks TLS."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localstack import processes, tls
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack


@contextmanager
def secure_engine(folder: Path) -> Iterator[Stack]:
    """Start an engine on free ports with new certificates, and stop it at the end."""
    ports = {use: processes.free_port() for use in ("engine", "cart", "smtp")}
    stack, engine = Stack(folder, ports=ports, certificates=tls.make(folder / "tls")), MiniStack()
    engine.start(stack)
    try:
        yield stack
    finally:
        engine.stop(stack)
