"""What a query of an index reads: the items that it returns, and not all that lie beside them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from typing import Any

from ministack.services import dynamodb

# No index can have this name.
_ORDER = "in order"
_BETWEEN = re.compile(r"\bAND\s+([#\w]+)\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)")

_Entries = list[tuple[tuple[Any, ...], tuple[Any, Any]]]


def read_what_is_returned() -> None:
    """Give a query of a part of a partition, with a limit, the items of its page only; the engine sorts them all.

    Source: DynamoDB Developer Guide, "Query operations in DynamoDB": a query reads what its key condition and its
    limit choose.
    """
    query, members_of, note = dynamodb._query, dynamodb._index_members, dynamodb._index_item
    pages: list[Any] = []

    def members(table: dict[str, Any]) -> Any:
        return pages[-1] if pages else members_of(table)

    def note_in_order(table: dict[str, Any], base_pk: Any, base_sk: Any, item: dict[str, Any], add: bool) -> None:
        note(table, base_pk, base_sk, item, add)
        kept: dict[str, Any] = table.get(dynamodb._INDEX_MEMBERS) or {}
        orders: dict[tuple[str, Any], _Entries] = kept.get(_ORDER, {})
        for index, hashes, ranges in dynamodb._index_key_schemas(table):
            entries = orders.get((index, dynamodb._index_partition(item, hashes, ranges)))
            if entries is None:
                continue
            entry = _position(table, ranges, item), (base_pk, base_sk)
            if add:
                insort(entries, entry)
            else:
                at = bisect_left(entries, entry)
                del entries[at : at + (entries[at : at + 1] == [entry])]

    def query_a_page(data: dict[str, Any]) -> Any:
        page = _page(data, members_of)
        if page is None:
            return query(data)
        pages.append(page)
        try:
            return query(data)
        finally:
            pages.pop()

    dynamodb._query, dynamodb._index_members, dynamodb._index_item = query_a_page, members, note_in_order


def _position(table: dict[str, Any], ranges: list[str], item: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        dynamodb._index_order_value(item, name, kind) for name, kind in dynamodb._index_order_keys(table, ranges)
    )


def _page(data: dict[str, Any], members_of: Any) -> dict[str, Any] | None:
    """The members of an index that a query can return, and one more, as the engine keeps them; None for another query.

    What is wrong with a query is the engine's to say.
    """
    table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
    name, limit = data.get("IndexName", ""), data.get("Limit")
    between = _BETWEEN.search(data.get("KeyConditionExpression") or "")
    index = dynamodb._index_def(table, name) if table and name else None
    if not (index and between and isinstance(limit, int)):
        return None
    hashes, ranges = dynamodb._index_key_lists(index)
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    bounds = [values.get(bound) for bound in between.group(2, 3)]
    if [names.get(between[1], between[1])] != ranges or len(hashes) != 1 or None in bounds:
        return None
    partition = dynamodb._extract_pk_from_condition(data["KeyConditionExpression"], values, names, hashes[0])
    entries = _entries(table, name, partition, ranges, members_of(table))
    low, high = (dynamodb._sort_key_value(bound, dynamodb._get_attr_type(table, ranges[0])) for bound in bounds)
    first = bisect_left(entries, low, key=lambda entry: entry[0][0])
    last = bisect_right(entries, high, key=lambda entry: entry[0][0])
    forward, start = data.get("ScanIndexForward", True), data.get("ExclusiveStartKey")
    if isinstance(start, dict):
        after = _position(table, ranges, start)
        if forward:
            first = max(first, bisect_right(entries, after, key=lambda entry: entry[0]))
        else:
            last = min(last, bisect_left(entries, after, key=lambda entry: entry[0]))
    chosen = entries[first : min(last, first + limit + 1)] if forward else entries[max(first, last - limit - 1) : last]
    return {name: {partition: [key for _, key in chosen]}}


def _entries(table: dict[str, Any], index: str, partition: Any, ranges: list[str], members: Any) -> _Entries:
    """The members of an index's partition in the order of their sort keys; sorted once, and kept so."""
    orders = members.setdefault(_ORDER, {})
    if (index, partition) not in orders:
        keys = members[index].get(partition, ())
        orders[index, partition] = sorted(
            (_position(table, ranges, table["items"][key[0]][key[1]]), key) for key in keys
        )
    entries: _Entries = orders[index, partition]
    return entries
