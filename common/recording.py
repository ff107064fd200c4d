"""Writes new orders: numbers and records a batch in one transaction, and records rejected orders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from common.backoff import pause
from common.counter import Counter
from common.errors import OrderRejectedError, RejectionCode, TransientError
from common.numbering import format_number, number_year
from common.order import Order, OrderDraft
from common.table_items import IS_NEW, attributes_of, item_size, to_order

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB's limit is 400 KB. The rest is room for what comes later: the invoice's key, payments and the history.
_MAX_ITEM_BYTES = (400 - 16) * 1024
# DynamoDB's limits for a transaction are 100 items, one of which is the counter, and 4 MB. Items are measured as JSON,
# which is longer than what DynamoDB counts, and the rest is room for the counter and the conditions.
MAX_TOGETHER = 99
MAX_TOGETHER_BYTES = (4 * 1024 - 64) * 1024
MAX_ATTEMPTS = 60
# About as long as another writer has the counter, then doubled for more writers.
_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.02, 0.15
# Reasons of a cancelled transaction that do not keep it from succeeding later.
_PASSING = {"None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_INVALID = "ValidationException"


@dataclass(frozen=True)
class Recorded:
    """The order on record, and whether this call wrote it."""

    order: Order
    is_new: bool


# What became of a draft: an order on record, or the error that kept it from being recorded.
type Outcome = Recorded | OrderRejectedError | TransientError | BotoCoreError | ClientError
type _Key = tuple[str, UUID]
type _Outcomes = dict[_Key, Outcome]


class _New(NamedTuple):
    """An order to be written: its item, and the order as which it is in there, both without the right number yet."""

    order: Order
    item: dict[str, Any]
    json_bytes: int

    @classmethod
    def of(cls, draft: OrderDraft) -> _New:
        """Prepare a draft. Raises OrderRejectedError if it is too large for an item of the table."""
        order = Order.of(draft, format_number(number_year(draft.date_created), 0))
        item = attributes_of(order)
        if (size := item_size(item)) > _MAX_ITEM_BYTES:
            raise OrderRejectedError(RejectionCode.ORDER_TOO_LARGE, f"the order has {size} of {_MAX_ITEM_BYTES} bytes")
        return cls(order, item, len(json.dumps(item)))

    @property
    def key(self) -> _Key:
        return _key(self.order)

    def numbered(self, year: int, sequence: int) -> _New:
        """The same order with its number."""
        number = format_number(year, sequence)
        item = {**self.item, "orderNumber": {"S": number}}
        return self._replace(order=self.order.copy(update={"order_number": number}), item=item)


def _key(order: OrderDraft) -> _Key:
    return order.tenant_id, order.id


class OrderRecorder:
    """Writes orders that are not on record yet."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        # boto3 makes them on first use; if threads did so at once, they would get different ones.
        self._errors = client.exceptions

    def record(self, drafts: Sequence[OrderDraft]) -> list[Outcome]:
        """Number orders and write them, each batch in one transaction with the counter of its year.

        The counter moves only when orders are written, by as many as are written, so numbers have no gap and no
        duplicate. An order that is already on record keeps its number; the others go on without it.

        Returns for each draft the order on record or the error that concerns it: OrderRejectedError if it is too large
        for an item of the table, TransientError if other writers were faster 60 times in a row, or what the SDK raised.
        """
        outcomes: _Outcomes = {}
        new: dict[_Key, _New] = {}
        for draft in drafts:
            try:
                if _key(draft) not in new:
                    new[_key(draft)] = _New.of(draft)
            except OrderRejectedError as error:
                outcomes[_key(draft)] = error
        for year, batch in _batches(new.values()):
            self._record_batch(year, batch, outcomes)
        return [_take(outcomes, _key(draft)) for draft in drafts]

    def reject(self, rejected: Order) -> Recorded:
        """Write a rejected order, without a number. One that is already on record stays as it is, and is returned."""
        try:
            self._client.put_item(TableName=self._table, Item=attributes_of(rejected), **IS_NEW)
        except self._errors.ConditionalCheckFailedException as error:
            response: Mapping[str, Any] = error.response
            return Recorded(to_order(response["Item"]), is_new=False)
        return Recorded(rejected, is_new=True)

    def _record_batch(self, year: int, batch: Sequence[_New], outcomes: _Outcomes) -> None:
        """Record orders of a year that fit into one transaction, and add what became of each."""
        try:
            self._write(Counter(self._client, self._table, year), batch, outcomes)
        except (BotoCoreError, ClientError) as error:
            left = [each for each in batch if each.key not in outcomes]
            if len(left) > 1 and isinstance(error, ClientError) and error.response["Error"]["Code"] == _INVALID:
                # It does not say which order it means: the others must not fail with it.
                for each in left:
                    self._record_batch(year, [each], outcomes)
            else:
                outcomes |= dict.fromkeys((each.key for each in left), error)

    def _write(self, counter: Counter, batch: Sequence[_New], outcomes: _Outcomes) -> None:
        """Try to write orders until none is left, and add what became of each; pause after an attempt in vain."""
        last: int | None = None
        attempt = 0
        while batch and attempt < MAX_ATTEMPTS:
            tried = len(batch)
            last = counter.lease() if last is None else last
            if last is not None:
                batch, last = self._write_once(counter, last, batch, outcomes)
            if batch and (last is None or len(batch) == tried):
                pause(0, min(_MAX_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2**attempt))
                attempt += 1
        error = TransientError(f"no order number of {counter.year} after {MAX_ATTEMPTS} attempts")
        outcomes |= dict.fromkeys((each.key for each in batch), error)

    def _write_once(
        self, counter: Counter, last: int, batch: Sequence[_New], outcomes: _Outcomes
    ) -> tuple[Sequence[_New], int | None]:
        """Try to write orders in one transaction, and add what became of those that are settled.

        Returns the orders that are left, and the last number while the lease goes on.
        """
        numbered = [each.numbered(counter.year, last + n) for n, each in enumerate(batch, start=1)]
        cancelled = self._transact(counter.increment(last, len(batch)), numbered)
        if cancelled is None:
            outcomes |= {each.key: Recorded(each.order, is_new=True) for each in numbered}
            return (), None
        on_counter, *on_orders = cancelled.response["CancellationReasons"]
        if on_counter["Code"] not in _PASSING:
            raise cancelled
        settled = _settle(batch, on_orders, cancelled)
        outcomes |= settled
        left = [each for each in batch if each.key not in settled]
        if on_counter["Code"] == "ConditionalCheckFailed":
            # The lease had ended, and another writer has counted on.
            return left, None
        if not left:
            counter.release()
        return left, last

    def _transact(self, increment: Any, numbered: Sequence[_New]) -> Any:
        """Write counter and orders; returns the error if the transaction was cancelled, and None if it is written."""
        puts: Any = [{"Put": {"TableName": self._table, "Item": each.item, **IS_NEW}} for each in numbered]
        try:
            self._client.transact_write_items(TransactItems=[increment, *puts])
        except self._errors.TransactionCanceledException as error:
            return error
        return None


def _settle(batch: Sequence[_New], reasons: Sequence[Any], cancelled: ClientError) -> _Outcomes:
    """The orders of a cancelled transaction that are on record already, or can never be."""
    settled: _Outcomes = {}
    for each, reason in zip(batch, reasons, strict=True):
        if "Item" in reason:
            settled[each.key] = Recorded(to_order(reason["Item"]), is_new=False)
        elif reason["Code"] not in _PASSING:
            settled[each.key] = cancelled
    return settled


def _batches(orders: Iterable[_New]) -> Iterator[tuple[int, list[_New]]]:
    """The orders by the year of their numbers, in batches that fit into a transaction."""
    by_year: dict[int, list[_New]] = {}
    for order in orders:
        by_year.setdefault(number_year(order.order.date_created), []).append(order)
    for year, those in by_year.items():
        batch: list[_New] = []
        for order in those:
            too_large = sum(each.json_bytes for each in batch) + order.json_bytes > MAX_TOGETHER_BYTES
            if batch and (too_large or len(batch) == MAX_TOGETHER):
                yield year, batch
                batch = []
            batch.append(order)
        yield year, batch


def _take(outcomes: _Outcomes, key: _Key) -> Outcome:
    """The outcome of a draft; only the first draft of an order wrote it."""
    outcome = outcomes[key]
    if isinstance(outcome, Recorded):
        outcomes[key] = replace(outcome, is_new=False)
    return outcome
