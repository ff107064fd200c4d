"""What a client asks of DynamoDB, counted as it is answered."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Calls:
    """The calls of a client from now until the end; those that are tried again by the SDK are one.

    Args:
        client: whose.
    """

    def __init__(self, client: DynamoDBClient) -> None:
        self.operations: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.items_read = 0
        self._lock = threading.Lock()
        self._events = client.meta.events
        self._events.register("after-call.dynamodb", self._count)

    def end(self) -> None:
        """Count no more."""
        self._events.unregister("after-call.dynamodb", self._count)

    def _count(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        with self._lock:
            self.operations[model.name] += 1
            # Read before a filter, and so paid for.
            self.items_read += parsed.get("ScannedCount", 0)
            if "Error" in parsed:
                self.errors[parsed["Error"]["Code"]] += 1
