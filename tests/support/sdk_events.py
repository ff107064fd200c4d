"""Takes part in the calls of a client of boto3: counts, answers or stops them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def on(client: Any, event: str, handle: Callable[..., object]) -> Iterator[None]:
    """Handle an event of botocore, such as `before-call.s3.PutObject`, inside this context."""
    client.meta.events.register(event, handle)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handle)
