"""DynamoDB: point-in-time recovery, what a query of an index reads, and repeated transactions."""

import hashlib
import json
import re
import time
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from functools import lru_cache
from typing import Any, NamedTuple

from ministack.core.responses import AccountRegionScopedDict, error_response_json
from ministack.services import dynamodb

from localstack.ministack_patches.patching import Function, changes, replaces
from localstack.ministack_patches.spilled import SpilledList

_DEFAULT_RECOVERY_DAYS = 35
# Conditions are texts of programs, with placeholders for values: a stack has a few dozen.
_CONDITIONS_KEPT = 1_000
# Key of the sorted members of indexes, next to MiniStack's own: no index can have this name.
_SORTED = "in order"
_BETWEEN = re.compile(r"\bAND\s+([#\w]+)\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)")

type _Item = dict[str, Any]
# Sort key of the index, and key of the item.
type _Entries = list[tuple[tuple[Any, ...], tuple[Any, Any]]]


class _Change(NamedTuple):
    """A write: its time, and the item before and after it; None for no item."""

    at: float
    old: _Item | None
    new: _Item | None


# Writes since recovery was switched on, by table; on disk, since they are kept as long as the table.
_changes: Any = AccountRegionScopedDict()
# Index members of the queries in progress, innermost last.
_pages: list[Any] = []


@replaces(dynamodb, "_update_continuous_backups")
def keep_recovery_period(update: Function, data: dict[str, Any]) -> Any:
    """Keep the requested days of point-in-time recovery; MiniStack keeps only whether it is on.

    Source: DynamoDB API Reference, PointInTimeRecoverySpecification.
    """
    response = update(data)
    table = dynamodb._normalize_table_name(data.get("TableName"))
    if dynamodb._pitr_settings.get(table):
        # MiniStack reads any number but 0 as true.
        days = data["PointInTimeRecoverySpecification"].get("RecoveryPeriodInDays", _DEFAULT_RECOVERY_DAYS)
        dynamodb._pitr_settings[table] = days
        _changes.setdefault(table, SpilledList([_Change(time.time(), None, None)]))
    else:
        _changes.pop(table, None)
    return response


@replaces(dynamodb, "_describe_continuous_backups")
def describe_recovery_period(describe: Function, data: dict[str, Any]) -> Any:
    """Describe the days of point-in-time recovery, which MiniStack leaves out.

    Source: DynamoDB API Reference, PointInTimeRecoveryDescription.
    """
    status, headers, body = describe(data)
    content = json.loads(body)
    days = dynamodb._pitr_settings.get(dynamodb._normalize_table_name(data.get("TableName")))
    if status == 200 and days:
        recovery = content["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        recovery["RecoveryPeriodInDays"] = int(days)
    return status, headers, json.dumps(content).encode()


@replaces(dynamodb, "_emit_stream_event")
def record_writes(
    emit: Function, table: str, event: str, old: _Item | None, new: _Item | None, replicate: bool = True
) -> None:
    """Record every write of a table with point-in-time recovery, for `restore_to_time`; keep stream records on disk."""
    if table in _changes:
        _changes[table].append(_Change(time.time(), old, new))
    emit(table, event, old, new, replicate)
    # MiniStack keeps the records of a table's stream in memory, for 24 hours as AWS does.
    records = dynamodb._stream_records.get(table)
    if isinstance(records, list):
        dynamodb._stream_records[table] = SpilledList(records)


@replaces(dynamodb, "_restore_table_to_point_in_time")
def restore_to_time(restore: Function, data: dict[str, Any]) -> Any:
    """Restore a table to the requested time by undoing the later writes; MiniStack restores the present state.

    Source: DynamoDB API Reference, RestoreTableToPointInTime.
    """
    source = data.get("SourceTableName")
    if source in dynamodb._tables and source not in _changes:
        text = f"Point in time recovery is not enabled for table '{source}'"
        return error_response_json("PointInTimeRecoveryUnavailableException", text, 400)
    changes = [_Change(*each) for each in _changes.get(source, [])]
    to = time.time() if data.get("UseLatestRestorableTime") else float(data["RestoreDateTime"])
    if changes and not changes[0].at <= to <= time.time():
        return error_response_json("InvalidRestoreTimeException", "RestoreDateTime is out of the window", 400)
    response = restore(data)
    if response[0] == 200:
        _undo(dynamodb._tables[data["TargetTableName"]], [change for change in changes if change.at > to])
    return response


def _undo(table: dict[str, Any], changes: list[_Change]) -> None:
    def keys(item: _Item) -> tuple[str, str]:
        sort = table["sk_name"]
        first = dynamodb._extract_key_val(item[table["pk_name"]])
        return first, dynamodb._extract_key_val(item[sort]) if sort else "__no_sort__"

    items = table["items"]
    for change in reversed(changes):
        first, second = keys(change.old or change.new or {})
        if change.old is not None:
            items.setdefault(first, {})[second] = change.old
        else:
            items.get(first, {}).pop(second, None)
    table["items"] = defaultdict(dict, {first: rows for first, rows in items.items() if rows})
    dynamodb._items_replaced(table)


@replaces(dynamodb, "_transact_write_items")
def recognise_repeated_transaction(transact: Function, data: dict[str, Any]) -> Any:
    """Recognise a transaction that the SDK sends again with its token; MiniStack compares it with the items as stored.

    It refuses the second one if an item has a number such as 1.00, which is stored as 1. Source: DynamoDB API
    Reference, TransactWriteItems, ClientRequestToken.
    """
    token, request = (
        data.get("ClientRequestToken"),
        hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest(),
    )
    known = dynamodb._txn_token_lookup(token) if token else None
    if known and known.get("request") == request:
        known["signature"] = {name: value for name, value in data.items() if name != "ClientRequestToken"}
    response = transact(data)
    written = dynamodb._txn_token_lookup(token) if token else None
    if written:
        written.setdefault("request", request)
        # The digest stands for the items, which MiniStack would keep for ten minutes.
        written["signature"] = None
    return response


@changes
def check_grammar_once() -> None:
    """Check the grammar of each condition once; MiniStack does it in each call, which is a twentieth of a PutItem."""
    dynamodb._condition_syntax_error = lru_cache(_CONDITIONS_KEPT)(dynamodb._condition_syntax_error)


@replaces(dynamodb, "_query")
def read_one_page(query: Function, data: dict[str, Any]) -> Any:
    """Read only the items of its page for a query with BETWEEN and a limit; MiniStack sorts the whole partition.

    Source: DynamoDB Developer Guide, "Query operations in DynamoDB": a query reads what its key condition and its
    limit select.
    """
    page = _page(data)
    if page is None:
        return query(data)
    _pages.append(page)
    try:
        return query(data)
    finally:
        _pages.pop()


_all_members = dynamodb._index_members


@replaces(dynamodb, "_index_members")
def members_of_page(members_of: Function, table: dict[str, Any]) -> Any:
    """Give `read_one_page` the members of its page."""
    return _pages[-1] if _pages else members_of(table)


@replaces(dynamodb, "_index_item")
def keep_sorted(
    index_item: Function, table: dict[str, Any], base_pk: Any, base_sk: Any, item: _Item, add: bool
) -> None:
    """Keep the sorted members of each index, for `read_one_page`."""
    index_item(table, base_pk, base_sk, item, add)
    members: dict[str, Any] = table.get(dynamodb._INDEX_MEMBERS) or {}
    partitions: dict[tuple[str, Any], _Entries] = members.get(_SORTED, {})
    for index, hashes, ranges in dynamodb._index_key_schemas(table):
        entries = partitions.get((index, dynamodb._index_partition(item, hashes, ranges)))
        if entries is None:
            continue
        entry = _sort_key(table, ranges, item), (base_pk, base_sk)
        if add:
            insort(entries, entry)
        else:
            at = bisect_left(entries, entry)
            del entries[at : at + (entries[at : at + 1] == [entry])]


def _sort_key(table: dict[str, Any], ranges: list[str], item: _Item) -> tuple[Any, ...]:
    return tuple(
        dynamodb._index_order_value(item, name, kind) for name, kind in dynamodb._index_order_keys(table, ranges)
    )


def _page(data: dict[str, Any]) -> dict[str, Any] | None:
    """Index members that a query can return, and one more; None for any other query, and for a wrong one."""
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
    entries = _entries(table, name, partition, ranges)
    low, high = (dynamodb._sort_key_value(bound, dynamodb._get_attr_type(table, ranges[0])) for bound in bounds)
    first = bisect_left(entries, low, key=lambda entry: entry[0][0])
    last = bisect_right(entries, high, key=lambda entry: entry[0][0])
    forward, start = data.get("ScanIndexForward", True), data.get("ExclusiveStartKey")
    if isinstance(start, dict):
        after = _sort_key(table, ranges, start)
        if forward:
            first = max(first, bisect_right(entries, after, key=lambda entry: entry[0]))
        else:
            last = min(last, bisect_left(entries, after, key=lambda entry: entry[0]))
    chosen = entries[first : min(last, first + limit + 1)] if forward else entries[max(first, last - limit - 1) : last]
    return {name: {partition: [key for _, key in chosen]}}


def _entries(table: dict[str, Any], index: str, partition: Any, ranges: list[str]) -> _Entries:
    """Members of an index's partition by sort key; sorted once, then kept sorted by `keep_sorted`."""
    members = _all_members(table)
    partitions = members.setdefault(_SORTED, {})
    if (index, partition) not in partitions:
        keys = members[index].get(partition, ())
        partitions[index, partition] = sorted(
            (_sort_key(table, ranges, table["items"][key[0]][key[1]]), key) for key in keys
        )
    entries: _Entries = partitions[index, partition]
    return entries
