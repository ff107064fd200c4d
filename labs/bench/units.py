"""What DynamoDB takes a call for: request units, by the size of its items.

Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats" and "DynamoDB read and write operations".
"""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple

_READ_BYTES = 4_096
_WRITE_BYTES = 1_024
# A transaction prepares each item, and then commits it.
_TRANSACTION = 2

Item = Mapping[str, Any]


class Units(NamedTuple):
    """Request units of one call, or of several."""

    reads: float
    writes: float


def _value_bytes(value: Mapping[str, Any]) -> int:
    kind: str
    content: Any
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = content.lstrip("-").replace(".", "").strip("0")
            return ceil(len(digits) / 2) + 1 + int(content.startswith("-"))
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(element) for name, element in content.items())
    raise ValueError(f"the service writes no attribute of type {kind}: add its size here")


def item_bytes(item: Item) -> int:
    """The size that an item counts with: names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _write_units(item: Item) -> int:
    return max(1, ceil(item_bytes(item) / _WRITE_BYTES))


def of_call(
    action: str, request: Mapping[str, Any], item_of: Callable[[str, Item], Item], indexes: Mapping[str, int]
) -> Units:
    """The request units of a call.

    Args:
        action: of DynamoDB, such as GetItem.
        request: its parameters, as they were sent.
        item_of: the item of a table with a key, as it is now; empty if there is none.
        indexes: of each table, how many hold every attribute.
    """

    def written(part: Mapping[str, Any]) -> tuple[Item, int]:
        table = part["TableName"]
        item = part.get("Item") or item_of(table, part["Key"])
        return item, indexes[table] if "GSI1_PK" in item else 0

    match action:
        case "GetItem":
            size = item_bytes(item_of(request["TableName"], request["Key"]))
            units = max(1, ceil(size / _READ_BYTES))
            return Units(units if request.get("ConsistentRead") else units / 2, 0)
        case "PutItem" | "UpdateItem":
            item, copies = written(request)
            return Units(0, _write_units(item) * (1 + copies))
        case "TransactWriteItems":
            parts = [written(part) for each in request["TransactItems"] for part in each.values()]
            # An index is written afterwards, and once.
            return Units(0, sum(_write_units(item) * (_TRANSACTION + copies) for item, copies in parts))
    raise ValueError(f"no order needs {action}: say here what it costs")
