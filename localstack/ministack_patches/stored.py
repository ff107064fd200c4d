"""How much memory the stored data take: items of tables, and what S3 keeps of objects besides their bodies."""

import sys
from typing import Any

from ministack import app as gateway
from ministack.services import dynamodb, s3

from localstack.ministack_patches.harness import respond_json
from localstack.ministack_patches.patching import Function, replaces


@replaces(gateway, "app")
async def report_stored(serve: Function, scope: dict[str, Any], receive: Function, send: Function) -> None:
    """Respond with the bytes of memory that stored data take, by service."""
    if scope["type"] != "http" or scope["path"] != "/_harness/stored":
        await serve(scope, receive, send)
        return
    await respond_json(receive, send, lambda _: {"dynamodb": _bytes(dynamodb._tables), "s3": _bytes(*_OBJECTS)})


_OBJECTS = (s3._buckets, s3._object_versions)


def _bytes(*stores: Any) -> int:
    """Bytes of all that stores hold, each object once."""
    seen: set[int] = set()
    total, rest = 0, [store._data for store in stores]
    while rest:
        value = rest.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        total += sys.getsizeof(value)
        # Copied, since other threads add to them meanwhile.
        if isinstance(value, dict):
            rest += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            rest += [*value]
    return total
