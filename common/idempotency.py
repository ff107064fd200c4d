"""Idempotency records: the responses of requests and the mails that were sent, kept for a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig

from common.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_EXPIRY_SECONDS = 24 * 60 * 60


def records(client: DynamoDBClient) -> DynamoDBPersistenceLayer:
    """The idempotency table, as Powertools accesses it."""
    return DynamoDBPersistenceLayer(table_name=settings.idempotency_table, boto3_client=client)


def request_config() -> IdempotencyConfig:
    """For requests `{tenantId, key, body}`: tenant and key identify a request, and its body must not change."""
    return IdempotencyConfig(
        event_key_jmespath="[tenantId, key]",
        payload_validation_jmespath="body",
        raise_on_no_idempotency_key=True,
        expires_after_seconds=_EXPIRY_SECONDS,
    )


def message_config() -> IdempotencyConfig:
    """For messages, identified by their id."""
    return IdempotencyConfig(expires_after_seconds=_EXPIRY_SECONDS)
