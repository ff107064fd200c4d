"""Cold starts ahead of the first order: calls each function once, while something else is waited for."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from release import traffic
from release.traffic import TrafficError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_INTERVAL_SECONDS = 1.0


@contextmanager
def new_functions(client: LambdaClient) -> Iterator[None]:
    """Call each function once as soon as it exists, until the block ends; failures are left to later callers."""
    ended, called = threading.Event(), set[str]()

    def call_new() -> None:
        pages = client.get_paginator("list_functions").paginate()
        for name in {function["FunctionName"] for page in pages for function in page["Functions"]} - called:
            # Without its alias it cannot be called yet: the next round calls it again.
            with suppress(ClientError):
                with suppress(BotoCoreError, TrafficError):
                    traffic.invoke_empty(client, name, traffic.ALIAS)
                called.add(name)

    def repeat() -> None:
        while not ended.wait(_INTERVAL_SECONDS):
            with suppress(BotoCoreError, ClientError):
                call_new()

    with ThreadPoolExecutor(max_workers=1) as pool:
        calling = pool.submit(repeat)
        try:
            yield
        finally:
            ended.set()
    calling.result()


def start(client: LambdaClient, names: Collection[str]) -> None:
    """Call functions at the same time, and wait until each has responded. Raises TrafficError: one does not run."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda name: traffic.invoke_empty(client, name, traffic.ALIAS), names))


def start_soon(client: LambdaClient, names: Collection[str]) -> None:
    """Let functions be called in the background: those that no caller waits for, as the consumers of queues."""
    for name in names:
        payload = json.dumps(traffic.EMPTY_EVENT)
        client.invoke(FunctionName=name, Qualifier=traffic.ALIAS, InvocationType="Event", Payload=payload)
