"""Partition heat: the orders of one tenant against what a partition of DynamoDB takes, and what splitting it helps.

A partition takes 1,000 write units a second (Developer Guide, "Best practices for designing partition keys"). One that
stays hot is split in two ("split for heat"); AWS does not say after how long: a minute is assumed. A random sort key
sends half of the traffic to each half. A date as the sort key sends all of it to the later half, for ever.
"""

import math
import zlib
from dataclasses import dataclass
from typing import Final

PARTITION_UNITS: Final = 1000.0
# Of an order of two lines with its invoice's key: a write unit for each KB begun.
ORDER_KB: Final = 0.85
ORDER_UNITS: Final = math.ceil(ORDER_KB)
# The transaction that writes it, which costs twice, and the update that notes its invoice; an index gets both once.
TABLE_UNITS: Final = 2 * ORDER_UNITS + ORDER_UNITS
INDEX_UNITS: Final = 2 * ORDER_UNITS
# A new table takes 4,000 write units a second.
_FIRST_PARTITIONS: Final = 4
_HOT_SHARE: Final = 0.9
_SPLIT_SECONDS: Final = 60
_READ_KB: Final = 4
# Of the rate: so many orders are tried in a second at the most, however many wait.
_TRIED: Final = 2


@dataclass
class _Partition:
    """Args: keys: that are written to in it, infinite for a random sort key; share: of all writes; hot: for so long."""

    keys: float
    share: float
    hot: int = 0

    def halves(self) -> list["_Partition"]:
        """What a split makes of it; itself alone where all writes are at the end of one key."""
        if self.keys == 1:
            return [self]
        first = self.keys / 2 if math.isinf(self.keys) else self.keys // 2
        part = 0.5 if math.isinf(self.keys) else first / self.keys
        rest = self.keys if math.isinf(self.keys) else self.keys - first
        return [_Partition(first, self.share * part), _Partition(rest, self.share * (1 - part))]


class _Keyspace:
    """A table or an index, as far as one tenant's orders use it.

    Args:
        units: that an order costs.
        partitions: where its writes go.
    """

    def __init__(self, units: float, partitions: list[_Partition]) -> None:
        self._units, self.partitions = units, partitions

    def takes(self, wanted: float) -> float:
        """How many of the wanted orders it takes in this second."""
        taken = 0.0
        kept: list[_Partition] = []
        for partition in self.partitions:
            asked = wanted * partition.share * self._units
            taken += min(asked, PARTITION_UNITS) / self._units
            partition.hot = partition.hot + 1 if asked >= _HOT_SHARE * PARTITION_UNITS else 0
            kept += partition.halves() if partition.hot >= _SPLIT_SECONDS else [partition]
        self.partitions = kept
        return taken


@dataclass(frozen=True)
class Moment:
    """A second of a run.

    Args:
        second: from the beginning.
        taken: orders that were written in it.
        refused: share of the orders that were tried in it, which were throttled.
        waiting: orders, after it.
        table: partitions of the table that hold the tenant's orders.
        index: partitions of OrdersByDateIndex that do.
    """

    second: int
    taken: float
    refused: float
    waiting: float
    table: int
    index: int


def run(rate: float, shards: int, seconds: int) -> list[Moment]:
    """Let one tenant order; what is throttled waits in its queue and is tried again.

    Args:
        rate: orders a second.
        shards: keys that the tenant's orders have in OrdersByDateIndex; 1 is `TENANT#{id}`.
        seconds: that pass.
    """
    table = _Keyspace(TABLE_UNITS, [_Partition(math.inf, 1.0)])
    places = [zlib.crc32(f"TENANT#tenant-acme#{shard}".encode()) % _FIRST_PARTITIONS for shard in range(shards)]
    counts = [places.count(place) for place in sorted(set(places))]
    index = _Keyspace(INDEX_UNITS, [_Partition(count, count / shards) for count in counts])
    found, waiting = [], 0.0
    for second in range(1, seconds + 1):
        tried = min(waiting + rate, _TRIED * rate)
        # An index that is throttled throttles the writes of its table ("GSI back-pressure").
        taken = min(table.takes(tried), index.takes(tried))
        waiting += rate - taken
        refused = (tried - taken) / tried
        found.append(Moment(second, taken, refused, waiting, len(table.partitions), len(index.partitions)))
    return found


@dataclass(frozen=True)
class ListCost:
    """What a page of a list costs.

    Args:
        queries: at the same time.
        orders: that are read for it.
        units: read units.
    """

    queries: int
    orders: int
    units: float


def list_cost(shards: int, page: int = 50) -> ListCost:
    """The cost of a page, newest first, merged from one query for each shard.

    Any of them may have the whole page, and one order more tells whether another page follows.
    """
    orders = page + 1
    # Reads of an index are eventually consistent: half a unit for each 4 KB begun.
    units = shards * math.ceil(orders * ORDER_KB / _READ_KB) / 2
    return ListCost(shards, shards * orders, units)
