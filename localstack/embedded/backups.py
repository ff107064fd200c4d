"""How far back a table can be restored."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import dynamodb

_DEFAULT_DAYS = 35


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
