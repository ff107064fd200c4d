"""Functions that are called before somebody waits for them: the first call of a process waits for imports."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from release import traffic
from release.traffic import TrafficError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_LOOK_SECONDS = 1.0


@contextmanager
def as_they_come(client: LambdaClient) -> Iterator[None]:
    """Call each function once as soon as it can be called, until the block ends.

    One that cannot be is left to whoever needs it, and says why.

    Args:
        client: of Lambda.
    """
    ended, called = threading.Event(), set[str]()

    def look() -> None:
        while not ended.wait(_LOOK_SECONDS):
            pages = client.get_paginator("list_functions").paginate()
            for name in {function["FunctionName"] for page in pages for function in page["Functions"]} - called:
                # Without its alias it cannot be called yet; one that fails when it is called is not called again.
                with suppress(ClientError):
                    with suppress(TrafficError):
                        traffic.invoke_empty(client, name, traffic.ALIAS)
                    called.add(name)

    with ThreadPoolExecutor(max_workers=1) as pool:
        looking = pool.submit(look)
        try:
            yield
        finally:
            ended.set()
    looking.result()
