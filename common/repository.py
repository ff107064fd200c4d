"""Reads orders from the orders table, and writes changes to them; common/recording.py writes the new ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from common.backoff import pause
from common.errors import StaleVersionError, TransientError
from common.field_types import format_timestamp
from common.mail_problem import MailProblem
from common.order import Order
from common.status import ACCEPTED, OrderStatus
from common.table_items import order_key, partition_key, to_attributes, to_order

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_PAGE_SIZE = 100
# A filter that matches nothing must not read a tenant's whole history in one request: after this many queries of
# MAX_PAGE_SIZE orders, the page has what was found and the position to continue from.
_MAX_QUERIES_PER_PAGE = 10
# Lambda rejects a response above 6 MB. One query can add 4 MB: 1 MB of quotation marks, with four bytes each in there.
_MAX_PAGE_BYTES = 2_000_000
# An order has a handful of mails; the first problems say what is wrong, and an item stays small.
MAX_MAIL_PROBLEMS = 20
# Longest pauses in seconds before unprocessed keys are read again; AWS recommends exponential backoff.
_BATCH_PAUSES = (0.1, 0.2)
# Longest pauses in seconds before a write repeats that met a transaction, which takes some twenty milliseconds; the SDK
# does not repeat it. All of them fit into the 0.3 s in which an order is accepted.
_CONFLICT_PAUSES = (0.025, 0.05, 0.1)
_DATE_INDEX = "OrdersByDateIndex"
_ID_INDEX = "OrderByIdIndex"
# A sort key of the date index.
_POSITION = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z#[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)


@dataclass(frozen=True)
class Accepted:
    """An order that is accepted and not recorded yet."""

    order_id: UUID


@dataclass(frozen=True)
class OrdersRead:
    """Orders that were read together. Each is parsed when it is needed, so that one that cannot be fails alone."""

    _items: Mapping[tuple[str, str], Mapping[str, Any]]

    def get(self, tenant_id: str, order_id: UUID) -> Order | None:
        """One of the orders; None if it is not recorded, or DynamoDB did not read it this time."""
        key = order_key(tenant_id, order_id)
        item = self._items.get((key["PK"]["S"], key["SK"]["S"]))
        return to_order(item) if item else None

    def get_recorded(self, tenant_id: str, order_id: UUID) -> Order:
        """The order that an event is about; TransientError if it is not there."""
        return _required(self.get(tenant_id, order_id), order_id)


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


def _required(order: Order | None, order_id: UUID) -> Order:
    if order is None:
        raise TransientError(f"order {order_id} is not in the table")
    return order


def _response_bytes(item: Mapping[str, Any]) -> int:
    """How many bytes an order takes in the response of a function, at most: JSON, as a text in JSON."""
    return len(json.dumps(json.dumps(item)))


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
        return _required(self.get(tenant_id, order_id), order_id)

    def get_all(self, keys: Iterable[tuple[str, UUID]]) -> OrdersRead:
        """Read up to 100 orders by tenant and id, strongly consistent, in one call if DynamoDB reads all of them."""
        wanted: list[Any] = [order_key(*key) for key in dict.fromkeys(keys)]
        if len(wanted) > 1:
            items = self._read_batch(wanted)
        else:
            found = [self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True) for key in wanted]
            items = [response["Item"] for response in found if "Item" in response]
        recorded = [item for item in items if item.get("status") != {"S": ACCEPTED}]
        return OrdersRead({(item["PK"]["S"], item["SK"]["S"]): item for item in recorded})

    def _read_batch(self, keys: list[Any]) -> list[Any]:
        """Read items together. Those that DynamoDB leaves unprocessed three times are left out."""
        request: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
        response = self._client.batch_get_item(RequestItems=request)
        items = response["Responses"].get(self._table, [])
        for seconds in _BATCH_PAUSES:
            if not (left := response["UnprocessedKeys"]):
                break
            pause(seconds / 2, seconds)
            # DynamoDB throttles a batch of which it can read nothing. The items that were read must not fail with it.
            with suppress(BotoCoreError, ClientError):
                response = self._client.batch_get_item(RequestItems=left)
                items += response["Responses"].get(self._table, [])
        return items

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
            if sum(map(_response_bytes, items)) > _MAX_PAGE_BYTES:
                break
        return Page(items, position)

    @staticmethod
    def _date_key(tenant_id: str, position: str) -> dict[str, Any]:
        partition = partition_key(tenant_id)
        order_id = position.rpartition("#")[2]
        return to_attributes({"GSI1_PK": partition, "GSI1_SK": position, "PK": partition, "SK": f"ORDER#{order_id}"})

    def mark_accepted(self, tenant_id: str, order_id: UUID, at: datetime) -> None:
        """Show that an order is accepted, until it is recorded; changes nothing if it is on record already.

        The marker is in no index, so no list shows it. Raises TransactionConflictException if transactions have the
        order's item for all of four attempts.
        """
        marker = {"status": ACCEPTED, "tenantId": tenant_id, "dateCreated": at}
        put = partial(
            self._client.put_item,
            TableName=self._table,
            Item={**order_key(tenant_id, order_id), **to_attributes(marker)},
            ConditionExpression="attribute_not_exists(PK)",
        )
        # A transaction that would record the order may be cancelled, and then nothing shows the order.
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._outlast_transactions(put)

    def _outlast_transactions[T](self, write: Callable[[], T]) -> T:
        """Write an item, again while a transaction has it. Raises TransactionConflictException after four attempts."""
        for seconds in _CONFLICT_PAUSES:
            try:
                return write()
            except self._client.exceptions.TransactionConflictException:
                pause(seconds / 2, seconds)
        return write()

    def update(self, changed: Order) -> Order:
        """Store the next version of an order, made by `Order.change`, and return the order as stored.

        Writes only what a change sets, since the invoice's key may have been stored meanwhile. Raises StaleVersionError
        if the order on record is not in the version before it, and TransactionConflictException if transactions have
        its item for all of four attempts.
        """
        values = changed.dict(by_alias=True, include=Order.CHANGEABLE, exclude_none=True)
        parameters = {":expected": changed.version - 1, **{f":{name}": value for name, value in values.items()}}
        write = partial(
            self._client.update_item,
            TableName=self._table,
            Key=order_key(changed.tenant_id, changed.id),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ConditionExpression="#version = :expected",
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues=to_attributes(parameters),
            ReturnValues="ALL_NEW",
        )
        try:
            response = self._outlast_transactions(write)
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
