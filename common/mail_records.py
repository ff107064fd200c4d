"""The idempotency records of mails: a batch of messages claims its mails in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
    from mypy_boto3_dynamodb import DynamoDBClient


class MailRecords(DynamoDBPersistenceLayer):
    """Powertools' records of mails. One that `claim` has written is not written again before its mail is sent."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        super().__init__(table, boto3_client=client)
        self._claimed: set[str] = set()
        # What Powertools would write, while `claim` calls it.
        self._prepared: list[DataRecord] | None = None

    def claim(self, identities: Sequence[str], remaining_milliseconds: int) -> None:
        """Claim the mails of a batch at once if none has a record yet; otherwise each is claimed before it is sent."""
        self._claimed = set()
        if len(identities) < 2:
            # Twice as expensive in a transaction.
            return
        records = self._prepare(dict.fromkeys(identities), remaining_milliseconds)
        with suppress(self.client.exceptions.TransactionCanceledException):
            self.client.transact_write_items(TransactItems=[self._put(record) for record in records])
            self._claimed = {record.idempotency_key for record in records}

    def _prepare(self, identities: dict[str, None], remaining_milliseconds: int) -> list[DataRecord]:
        records: list[DataRecord] = []
        self._prepared = records
        try:
            for identity in identities:
                data: Any = identity
                self.save_inprogress(data, remaining_milliseconds)
        finally:
            self._prepared = None
        return records

    def _put(self, record: DataRecord) -> Any:
        item = {
            self.key_attr: {"S": record.idempotency_key},
            self.status_attr: {"S": record.status},
            self.expiry_attr: {"N": str(record.expiry_timestamp)},
            self.in_progress_expiry_attr: {"N": str(record.in_progress_expiry_timestamp)},
        }
        return {
            "Put": {
                "TableName": self.table_name,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(#id)",
                "ExpressionAttributeNames": {"#id": self.key_attr},
            }
        }

    def _put_record(self, data_record: DataRecord) -> None:
        if self._prepared is not None:
            self._prepared.append(data_record)
        elif data_record.idempotency_key in self._claimed:
            # Only once: a second message about the same mail finds the record.
            self._claimed.remove(data_record.idempotency_key)
        else:
            super()._put_record(data_record)
