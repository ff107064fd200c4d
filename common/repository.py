"""Stores orders in the orders table and queries them: the only module that writes an order."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from common.errors import OrderRejectedError, RejectionCode, StaleVersionError, TransientError
from common.field_types import format_timestamp
from common.mail_problem import MailProblem
from common.numbering import format_number, number_year
from common.order import Order, OrderDraft
from common.status import ACCEPTED, OrderStatus
from common.table_items import attributes_of, item_size, order_key, partition_key, to_attributes, to_order

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_PAGE_SIZE = 100
# A filter that matches nothing must not read a tenant's whole history in one request: after this many queries of
# MAX_PAGE_SIZE orders, the page has what was found and the position to continue from.
_MAX_QUERIES_PER_PAGE = 10
# Lambda rejects a response above 6 MB, and one query can add 3 MB: 1 MB of UTF-8, escaped as JSON.
_MAX_PAGE_BYTES = 2_500_000
# DynamoDB's limit is 400 KB. The rest is room for what comes later: the invoice's key, payments and the history.
_MAX_ITEM_BYTES = (400 - 16) * 1024
_MAX_NUMBER_ATTEMPTS = 30
# An order has a handful of mails; the first problems say what is wrong, and an item stays small.
MAX_MAIL_PROBLEMS = 20
_MAX_BACKOFF_SECONDS = 0.25
_DATE_INDEX = "OrdersByDateIndex"
_ID_INDEX = "OrderByIdIndex"
# A sort key of the date index.
_POSITION = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z#[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)

_jitter = random.SystemRandom()


# A write of a new order: it may replace the marker of its acceptance, and nothing else.
_IS_NEW: Any = {
    "ConditionExpression": "attribute_not_exists(PK) OR #status = :accepted",
    "ExpressionAttributeNames": {"#status": "status"},
    "ExpressionAttributeValues": {":accepted": {"S": ACCEPTED}},
}


@dataclass(frozen=True)
class Accepted:
    """An order that is accepted and not recorded yet."""

    order_id: UUID


@dataclass(frozen=True)
class Recorded:
    """The order on record, and whether this call wrote it."""

    order: Order
    is_new: bool


@dataclass(frozen=True)
class Page:
    """A page of orders as DynamoDB returns them, and where the next page begins; None if there is none."""

    items: list[Mapping[str, Any]]
    position: str | None

    @property
    def orders(self) -> list[Order]:
        """The orders as models."""
        return [to_order(item) for item in self.items]


@dataclass(frozen=True)
class OrderFilter:
    """Filters of a list: the status of the orders and the time of their creation, both ends included."""

    status: OrderStatus | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None

    def bounds(self) -> tuple[str, str]:
        """The first and last sort key of the date index for these dates."""
        # "$" sorts after the "#" that follows the date, so orders created at date_to are included; ":" after any year.
        first = format_timestamp(self.date_from) if self.date_from else "0"
        return first, f"{format_timestamp(self.date_to)}$" if self.date_to else ":"

    def contains(self, position: str) -> bool:
        """Whether a page of these dates can begin at a position; DynamoDB rejects any other start key."""
        first, last = self.bounds()
        return _POSITION.fullmatch(position) is not None and first <= position <= last


class OrderRepository:
    """Reads and writes orders."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def find(self, tenant_id: str, order_id: UUID) -> Order | Accepted | None:
        """Read one order of a tenant, strongly consistent; None if it does not exist."""
        response = self._client.get_item(TableName=self._table, Key=order_key(tenant_id, order_id), ConsistentRead=True)
        item = response.get("Item")
        if item is None:
            return None
        return Accepted(order_id) if item.get("status") == {"S": ACCEPTED} else to_order(item)

    def get(self, tenant_id: str, order_id: UUID) -> Order | None:
        """Read one order of a tenant, strongly consistent; None if it is not recorded."""
        found = self.find(tenant_id, order_id)
        return found if isinstance(found, Order) else None

    def get_recorded(self, tenant_id: str, order_id: UUID) -> Order:
        """Read the order that an event is about; TransientError if it is not in the table."""
        order = self.get(tenant_id, order_id)
        if order is None:
            raise TransientError(f"order {order_id} is not in the table")
        return order

    def get_by_id(self, order_id: UUID) -> Order | None:
        """Read an order of any tenant, for admins; None if it does not exist. The index lags by less than a second."""
        response = self._client.query(
            TableName=self._table,
            IndexName=_ID_INDEX,
            KeyConditionExpression="GSI2_PK = :id AND GSI2_SK = :sk",
            ExpressionAttributeValues=to_attributes({":id": f"ORDER#{order_id}", ":sk": "METADATA"}),
            Limit=1,
        )
        return to_order(response["Items"][0]) if response["Items"] else None

    def list_all(self, tenant_id: str, page_size: int, position: str | None = None) -> Page:
        """A page of a tenant's orders by id, strongly consistent: for complete reads, such as an export."""
        start = {"PK": partition_key(tenant_id), "SK": f"ORDER#{position}"} if position else None
        response = self._client.query(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
            ExpressionAttributeValues=to_attributes(
                {":pk": partition_key(tenant_id), ":prefix": "ORDER#", ":accepted": ACCEPTED}
            ),
            FilterExpression="#status <> :accepted",
            ExpressionAttributeNames={"#status": "status"},
            Limit=page_size,
            **({"ExclusiveStartKey": to_attributes(start)} if start else {}),  # type: ignore[arg-type]
        )
        last = response.get("LastEvaluatedKey")
        return Page(list(response["Items"]), last["SK"]["S"].removeprefix("ORDER#") if last else None)

    def list_by_date(self, tenant_id: str, page_size: int, filters: OrderFilter, position: str | None = None) -> Page:
        """A page of a tenant's orders, newest first, filtered by status and date.

        Reads at most 1,000 orders a page, and fewer if they are very large. With a status that few orders have, a page
        can be short or even empty, and still have a position to continue from.
        The position is that of the page before it; None for the first page.
        """
        first, last = filters.bounds()
        values: dict[str, object] = {":pk": partition_key(tenant_id), ":from": first, ":to": last}
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": _DATE_INDEX,
            "KeyConditionExpression": "GSI1_PK = :pk AND GSI1_SK BETWEEN :from AND :to",
            "ScanIndexForward": False,
        }
        if filters.status:
            values[":status"] = filters.status
            request["FilterExpression"] = "#status = :status"
            request["ExpressionAttributeNames"] = {"#status": "status"}
        request["ExpressionAttributeValues"] = to_attributes(values)

        items: list[Mapping[str, Any]] = []
        for _ in range(_MAX_QUERIES_PER_PAGE):
            if position:
                request["ExclusiveStartKey"] = self._date_key(tenant_id, position)
            # One order more than the page shows whether another page follows. With a status filter most orders are
            # dropped after the read, so read as many as possible.
            limit = MAX_PAGE_SIZE if filters.status else page_size + 1 - len(items)
            response = self._client.query(**request, Limit=limit)
            items += response["Items"]
            if len(items) > page_size:
                return Page(items[:page_size], items[page_size - 1]["GSI1_SK"]["S"])
            if "LastEvaluatedKey" not in response:
                return Page(items, None)
            position = response["LastEvaluatedKey"]["GSI1_SK"]["S"]
            if sum(len(json.dumps(item)) for item in items) > _MAX_PAGE_BYTES:
                break
        return Page(items, position)

    @staticmethod
    def _date_key(tenant_id: str, position: str) -> dict[str, Any]:
        partition = partition_key(tenant_id)
        order_id = position.rpartition("#")[2]
        return to_attributes({"GSI1_PK": partition, "GSI1_SK": position, "PK": partition, "SK": f"ORDER#{order_id}"})

    def mark_accepted(self, tenant_id: str, order_id: UUID, at: datetime) -> None:
        """Show that an order is accepted, until it is recorded; changes nothing if it is on record already.

        The marker is in no index, so no list shows it.
        """
        on_record = self._client.exceptions.ConditionalCheckFailedException
        being_recorded = self._client.exceptions.TransactionConflictException
        marker = {"status": ACCEPTED, "tenantId": tenant_id, "dateCreated": at}
        with suppress(on_record, being_recorded):
            self._client.put_item(
                TableName=self._table,
                Item={**order_key(tenant_id, order_id), **to_attributes(marker)},
                ConditionExpression="attribute_not_exists(PK)",
            )

    def reject(self, rejected: Order) -> Recorded:
        """Write a rejected order, without a number. One that is already on record stays as it is, and is returned."""
        try:
            self._client.put_item(TableName=self._table, Item=attributes_of(rejected), **_IS_NEW)
        except self._client.exceptions.ConditionalCheckFailedException:
            return Recorded(self.get_recorded(rejected.tenant_id, rejected.id), is_new=False)
        return Recorded(rejected, is_new=True)

    def record(self, draft: OrderDraft) -> Recorded:
        """Number an order and write it, in one transaction with the counter of its year.

        The counter moves only when an order is written, so numbers have no gap and no duplicate. An order that is
        already on record keeps its number, and is returned.

        Raises:
            OrderRejectedError: the order is too large for an item of the table.
            TransientError: other writers were faster 30 times in a row.
        """
        year = number_year(draft.date_created)
        counter = to_attributes({"PK": "COUNTER#ORDER", "SK": f"YEAR#{year}"})
        for attempt in range(_MAX_NUMBER_ATTEMPTS):
            last = self._last_number(counter)
            order = Order.of(draft, format_number(year, last + 1))
            increment: Any = {
                "TableName": self._table,
                "Key": counter,
                "UpdateExpression": "SET lastNumber = :next",
                "ConditionExpression": "lastNumber = :last" if last else "attribute_not_exists(lastNumber)",
                "ExpressionAttributeValues": to_attributes({":next": last + 1, ":last": last or None}),
            }
            item = attributes_of(order)
            if (size := item_size(item)) > _MAX_ITEM_BYTES:
                raise OrderRejectedError(
                    RejectionCode.ORDER_TOO_LARGE, f"the order has {size} of {_MAX_ITEM_BYTES} bytes"
                )
            put: Any = {"TableName": self._table, "Item": item, **_IS_NEW}
            try:
                self._client.transact_write_items(TransactItems=[{"Update": increment}, {"Put": put}])
                return Recorded(order, is_new=True)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = [reason.get("Code") for reason in error.response["CancellationReasons"]]
                existing = self.get(draft.tenant_id, draft.id) if reasons[1] == "ConditionalCheckFailed" else None
                if existing:
                    return Recorded(existing, is_new=False)
                if not {"ConditionalCheckFailed", "TransactionConflict"}.intersection(reasons):
                    raise
            time.sleep(_jitter.uniform(0, min(_MAX_BACKOFF_SECONDS, 0.005 * 2**attempt)))
        raise TransientError(f"no order number of {year} after {_MAX_NUMBER_ATTEMPTS} attempts")

    def _last_number(self, counter: dict[str, Any]) -> int:
        response = self._client.get_item(TableName=self._table, Key=counter, ConsistentRead=True)
        return int(response["Item"]["lastNumber"]["N"]) if "Item" in response else 0

    def update(self, changed: Order) -> Order:
        """Store the next version of an order, made by `Order.change`, and return the order as stored.

        Writes only what a change sets, since the invoice's key may have been stored meanwhile. Raises StaleVersionError
        if the order on record is not in the version before it.
        """
        values = changed.dict(by_alias=True, include=Order.CHANGEABLE, exclude_none=True)
        parameters = {":expected": changed.version - 1, **{f":{name}": value for name, value in values.items()}}
        try:
            response = self._client.update_item(
                TableName=self._table,
                Key=order_key(changed.tenant_id, changed.id),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                ConditionExpression="#version = :expected",
                ExpressionAttributeNames={f"#{name}": name for name in values},
                ExpressionAttributeValues=to_attributes(parameters),
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise StaleVersionError from error
        return to_order(response["Attributes"])

    def set_invoice_key(self, tenant_id: str, order_id: UUID, invoice_key: str) -> None:
        """Store where an order's invoice is. This makes no new version: the version guards what a PUT changes."""
        self._client.update_item(
            TableName=self._table,
            Key=order_key(tenant_id, order_id),
            UpdateExpression="SET invoiceKey = :key",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues=to_attributes({":key": invoice_key}),
        )

    def add_mail_problem(self, order: Order, problem: MailProblem) -> None:
        """Add a problem with a mail to an order as it was read, without a new version; the first 20 are kept.

        A problem that is on record already is not added again. Raises TransientError if another was added meanwhile.
        """
        known = order.mail_problems or []
        if problem in known or len(known) >= MAX_MAIL_PROBLEMS:
            return
        unchanged = "size(mailProblems) = :count" if known else "attribute_not_exists(mailProblems)"
        values = {":problems": [each.dict(by_alias=True) for each in (*known, problem)], ":count": len(known) or None}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=order_key(order.tenant_id, order.id),
                UpdateExpression="SET mailProblems = :problems",
                ConditionExpression=f"attribute_exists(PK) AND {unchanged}",
                ExpressionAttributeValues=to_attributes(values),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise TransientError(f"another problem with a mail of order {order.id} was recorded meanwhile") from None
