"""What was answered and what was mailed, remembered for a day in the idempotency table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig

from common.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED_SECONDS = 24 * 60 * 60


def store(client: DynamoDBClient) -> DynamoDBPersistenceLayer:
    """The persistence layer of Powertools over the idempotency table."""
    return DynamoDBPersistenceLayer(table_name=settings.idempotency_table, boto3_client=client)


def request_config() -> IdempotencyConfig:
    """For requests `{tenantId, key, body}`: tenant and key name a request, and its body must not change."""
    return IdempotencyConfig(
        event_key_jmespath="[tenantId, key]",
        payload_validation_jmespath="body",
        raise_on_no_idempotency_key=True,
        expires_after_seconds=REMEMBERED_SECONDS,
    )


def message_config() -> IdempotencyConfig:
    """For messages, by their id."""
    return IdempotencyConfig(expires_after_seconds=REMEMBERED_SECONDS)
