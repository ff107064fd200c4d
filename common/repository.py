"""The orders table (R3): access patterns AP1 to AP5, and the only writers of an order."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from common.errors import TransientError
from common.models import Order, OrderDraft, PaymentDetails, iso
from common.numbering import format_number, number_year
from common.status import OrderStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_PAGE_SIZE = 100
# A filter that matches nothing must not read a tenant's whole history in one request: a page reads at most
# this many queries of MAX_PAGE_SIZE orders, and then answers with what it found and where to go on.
_MAX_QUERIES_PER_PAGE = 10
_MAX_NUMBER_ATTEMPTS = 30
_MAX_BACKOFF_SECONDS = 0.25
_DATE_INDEX = "OrdersByDateIndex"
_ID_INDEX = "OrderByIdIndex"
# A sort key of the date index (R3).
_POSITION = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z#[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()
_jitter = random.SystemRandom()


class StaleVersionError(Exception):
    """The order is no longer in the version that the caller saw."""


@dataclass(frozen=True)
class Recorded:
    """The order on record, and whether this call wrote it."""

    order: Order
    is_new: bool


@dataclass(frozen=True)
class Page:
    """Some orders, and the position to go on from when there may be more.

    Args:
        items: the orders, as the table holds them.
        position: of the last one; None if it is the last of all.
    """

    items: list[Mapping[str, Any]]
    position: str | None

    @property
    def orders(self) -> list[Order]:
        """The orders."""
        return [_order(item) for item in self.items]


@dataclass(frozen=True)
class OrderFilter:
    """What a list is narrowed to: a status (AP5), and moments between which the order was created, both included."""

    status: OrderStatus | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None

    def bounds(self) -> tuple[str, str]:
        """The sort keys between which the index has the orders of these dates."""
        # "$" sorts after the "#" that follows the date, so orders of the last moment are included; ":" after any year.
        return iso(self.date_from) if self.date_from else "0", f"{iso(self.date_to)}$" if self.date_to else ":"

    def has(self, position: str) -> bool:
        """Whether a text is a position in a list of these dates; DynamoDB refuses to begin anywhere else."""
        first, last = self.bounds()
        return _POSITION.fullmatch(position) is not None and first <= position <= last


def _partition(tenant_id: str) -> str:
    return f"TENANT#{tenant_id}"


def _order_key(tenant_id: str, order_id: UUID) -> dict[str, Any]:
    return _attributes({"PK": _partition(tenant_id), "SK": f"ORDER#{order_id}"})


def _plain(value: object) -> object:
    """A value of a model as DynamoDB's serializer takes it."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _attributes(values: Mapping[str, object]) -> dict[str, Any]:
    return {key: _serializer.serialize(_plain(value)) for key, value in values.items() if value is not None}


def attributes_of(order: Order) -> dict[str, Any]:
    """The item of an order, keys of the indexes included, as DynamoDB takes it."""
    partition = _partition(order.tenant_id)
    keys = {
        "PK": partition,
        "SK": f"ORDER#{order.id}",
        "GSI1_PK": partition,
        "GSI1_SK": f"{iso(order.date_created)}#{order.id}",
        "GSI2_PK": f"ORDER#{order.id}",
        "GSI2_SK": "METADATA",
    }
    return _attributes({**keys, **order.dict(by_alias=True)})


def _order(item: Mapping[str, Any]) -> Order:
    return Order.parse_obj({key: _deserializer.deserialize(value) for key, value in item.items()})


class OrderRepository:
    """Reads and writes orders.

    Args:
        client: the DynamoDB client.
        table: name of the orders table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, tenant_id: str, order_id: UUID) -> Order | None:
        """AP1: the order of a tenant, as last written, or None."""
        answer = self._client.get_item(TableName=self._table, Key=_order_key(tenant_id, order_id), ConsistentRead=True)
        return _order(answer["Item"]) if "Item" in answer else None

    def get_by_id(self, order_id: UUID) -> Order | None:
        """AP4: the order of this id whosoever's it is, or None; for admins. The index lags by well under a second."""
        answer = self._client.query(
            TableName=self._table,
            IndexName=_ID_INDEX,
            KeyConditionExpression="GSI2_PK = :id AND GSI2_SK = :sk",
            ExpressionAttributeValues=_attributes({":id": f"ORDER#{order_id}", ":sk": "METADATA"}),
            Limit=1,
        )
        return _order(answer["Items"][0]) if answer["Items"] else None

    def list_all(self, tenant_id: str, page_size: int, position: str | None = None) -> Page:
        """AP2: a tenant's orders by id, as last written; for a complete and consistent walk, such as an export."""
        start = {"PK": _partition(tenant_id), "SK": f"ORDER#{position}"} if position else None
        answer = self._client.query(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
            ExpressionAttributeValues=_attributes({":pk": _partition(tenant_id), ":prefix": "ORDER#"}),
            Limit=page_size,
            **({"ExclusiveStartKey": _attributes(start)} if start else {}),  # type: ignore[arg-type]
        )
        items = answer["Items"]
        return Page(list(items), items[-1]["id"]["S"] if "LastEvaluatedKey" in answer else None)

    def list_by_date(self, tenant_id: str, page_size: int, narrowed: OrderFilter, position: str | None = None) -> Page:
        """AP3 and AP5: a tenant's orders, newest first, narrowed by status and date.

        Reads at most 1,000 orders a page: with a status that few orders have, a page can be short, even empty, and
        still have a position to go on from.

        Args:
            tenant_id: whose orders.
            page_size: orders in the page, 1 to 100.
            narrowed: status and dates.
            position: of an earlier page; where this one begins.
        """
        first, last = narrowed.bounds()
        values: dict[str, object] = {":pk": _partition(tenant_id), ":from": first, ":to": last}
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": _DATE_INDEX,
            "KeyConditionExpression": "GSI1_PK = :pk AND GSI1_SK BETWEEN :from AND :to",
            "ScanIndexForward": False,
        }
        if narrowed.status:
            values[":status"] = narrowed.status
            request["FilterExpression"] = "#status = :status"
            request["ExpressionAttributeNames"] = {"#status": "status"}
        request["ExpressionAttributeValues"] = _attributes(values)

        items: list[Mapping[str, Any]] = []
        for _ in range(_MAX_QUERIES_PER_PAGE):
            if position:
                request["ExclusiveStartKey"] = self._date_key(tenant_id, position)
            # One more than the page tells whether another follows. With a filter a full-size read finds the few sooner.
            limit = MAX_PAGE_SIZE if narrowed.status else page_size + 1 - len(items)
            answer = self._client.query(**request, Limit=limit)
            items += answer["Items"]
            if len(items) > page_size:
                return Page(items[:page_size], items[page_size - 1]["GSI1_SK"]["S"])
            if "LastEvaluatedKey" not in answer:
                return Page(items, None)
            position = _deserializer.deserialize(answer["LastEvaluatedKey"]["GSI1_SK"])
        return Page(items, position)

    @staticmethod
    def _date_key(tenant_id: str, position: str) -> dict[str, Any]:
        partition = _partition(tenant_id)
        order_id = position.rpartition("#")[2]
        return _attributes({"GSI1_PK": partition, "GSI1_SK": position, "PK": partition, "SK": f"ORDER#{order_id}"})

    def record(self, draft: OrderDraft) -> Recorded:
        """Number an order and write it, in one transaction with the counter of its year.

        The counter moves exactly when an order is written, so numbers have neither gap nor duplicate (R3), and an
        order that is on record already keeps its number.

        Returns:
            The order on record: this one, or the one that another delivery of its message wrote first.

        Raises:
            TransientError: other writers were faster 30 times in a row.
        """
        year = number_year(draft.date_created)
        counter = _attributes({"PK": "COUNTER#ORDER", "SK": f"YEAR#{year}"})
        for attempt in range(_MAX_NUMBER_ATTEMPTS):
            last = self._last_number(counter)
            order = Order(**draft.dict(), order_number=format_number(year, last + 1))
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        {
                            "Update": {
                                "TableName": self._table,
                                "Key": counter,
                                "UpdateExpression": "SET lastNumber = :next",
                                "ConditionExpression": "lastNumber = :last"
                                if last
                                else "attribute_not_exists(lastNumber)",
                                "ExpressionAttributeValues": _attributes(
                                    {":next": last + 1, **({":last": last} if last else {})}
                                ),
                            }
                        },
                        {
                            "Put": {
                                "TableName": self._table,
                                "Item": attributes_of(order),
                                "ConditionExpression": "attribute_not_exists(PK)",
                            }
                        },
                    ]
                )
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
        answer = self._client.get_item(TableName=self._table, Key=counter, ConsistentRead=True)
        return int(answer["Item"]["lastNumber"]["N"]) if "Item" in answer else 0

    def update(
        self,
        order: Order,
        *,
        status: OrderStatus,
        payment_details: PaymentDetails | None,
        updated_by: str,
        now: datetime,
    ) -> Order:
        """Write a new status and payment details, if the order is still in the version given.

        Raises:
            StaleVersionError: it is not.
        """
        values = {
            "status": status,
            "previousStatus": order.status if status is not order.status else order.previous_status,
            "paymentDetails": payment_details.dict(by_alias=True) if payment_details else None,
            "dateStatusChanged": now if status is not order.status else order.date_status_changed,
            "dateLastUpdated": now,
            "lastUpdatedBy": updated_by,
            "version": order.version + 1,
        }
        changes = {name: value for name, value in values.items() if value is not None}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_order_key(order.tenant_id, order.id),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in changes),
                ConditionExpression="#version = :seen",
                ExpressionAttributeNames={f"#{name}": name for name in changes},
                ExpressionAttributeValues=_attributes(
                    {":seen": order.version, **{f":{name}": value for name, value in changes.items()}}
                ),
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise StaleVersionError(f"order {order.id} is no longer in version {order.version}") from error
        return _order(answer["Attributes"])

    def set_invoice_key(self, tenant_id: str, order_id: UUID, invoice_key: str) -> None:
        """Note where an order's invoice is. Leaves the version alone, which guards what a PUT may change."""
        self._client.update_item(
            TableName=self._table,
            Key=_order_key(tenant_id, order_id),
            UpdateExpression="SET invoiceKey = :key",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues=_attributes({":key": invoice_key}),
        )
