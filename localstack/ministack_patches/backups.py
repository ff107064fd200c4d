"""How far back a table can be restored, and restoring it to a moment."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from typing import Any, NamedTuple

from ministack.core.responses import AccountRegionScopedDict, error_response_json
from ministack.services import dynamodb

_DEFAULT_DAYS = 35
_Item = dict[str, Any]


class _Change(NamedTuple):
    """A write: when, and the item before and after it; None for no item."""

    at: float
    old: _Item | None
    new: _Item | None


_changes: Any = AccountRegionScopedDict()


def keep_the_recovery_period() -> None:
    """Keep the days of point-in-time recovery that were asked for, and describe them.

    Source: DynamoDB API Reference, PointInTimeRecoverySpecification and PointInTimeRecoveryDescription.
    """
    update, describe = dynamodb._update_continuous_backups, dynamodb._describe_continuous_backups

    def update_backups(data: dict[str, Any]) -> Any:
        answer = update(data)
        name = dynamodb._normalize_table_name(data.get("TableName"))
        if dynamodb._pitr_settings.get(name):
            # True to the engine, as any number but 0.
            days = data["PointInTimeRecoverySpecification"].get("RecoveryPeriodInDays", _DEFAULT_DAYS)
            dynamodb._pitr_settings[name] = days
            # Since when it can be restored.
            _changes.setdefault(name, [_Change(time.time(), None, None)])
        else:
            _changes.pop(name, None)
        return answer

    def describe_backups(data: dict[str, Any]) -> Any:
        status, headers, body = describe(data)
        content = json.loads(body)
        days = dynamodb._pitr_settings.get(dynamodb._normalize_table_name(data.get("TableName")))
        if status == 200 and days:
            recovery = content["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
            recovery["RecoveryPeriodInDays"] = int(days)
        return status, headers, json.dumps(content).encode()

    dynamodb._update_continuous_backups, dynamodb._describe_continuous_backups = update_backups, describe_backups


def restore_to_the_moment() -> None:
    """Restore a table to the moment that was asked for, by undoing what came after it.

    The engine itself restores what is there now. Source: DynamoDB API Reference, RestoreTableToPointInTime.
    """
    emit, restore = dynamodb._emit_stream_event, dynamodb._restore_table_to_point_in_time

    def emit_and_keep(table: str, event: str, old: _Item | None, new: _Item | None, replicate: bool = True) -> None:
        if table in _changes:
            _changes[table].append(_Change(time.time(), old, new))
        emit(table, event, old, new, replicate)

    def restore_table(data: dict[str, Any]) -> Any:
        source = data.get("SourceTableName")
        if source in dynamodb._tables and source not in _changes:
            text = f"Point in time recovery is not enabled for table '{source}'"
            return error_response_json("PointInTimeRecoveryUnavailableException", text, 400)
        changes = list(_changes.get(source, []))
        moment = time.time() if data.get("UseLatestRestorableTime") else float(data["RestoreDateTime"])
        if changes and not changes[0].at <= moment <= time.time():
            return error_response_json("InvalidRestoreTimeException", "RestoreDateTime is out of the window", 400)
        answer = restore(data)
        if answer[0] == 200:
            _undo(dynamodb._tables[data["TargetTableName"]], [change for change in changes if change.at > moment])
        return answer

    dynamodb._emit_stream_event, dynamodb._restore_table_to_point_in_time = emit_and_keep, restore_table


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
