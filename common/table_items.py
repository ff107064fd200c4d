"""How orders are stored as items of the table: their keys and attributes, and back as models or as JSON."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel
from pydantic.fields import SHAPE_LIST, ModelField

from common.field_types import Amount, format_timestamp
from common.order import Order
from common.status import ACCEPTED

# A write of a new order: it may replace the marker of its acceptance, and nothing else. If it fails, DynamoDB returns
# the order on record.
IS_NEW: Final[Any] = {
    "ConditionExpression": "attribute_not_exists(PK) OR #status = :accepted",
    "ExpressionAttributeNames": {"#status": "status"},
    "ExpressionAttributeValues": {":accepted": {"S": ACCEPTED}},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def partition_key(tenant_id: str) -> str:
    """The partition of a tenant's orders, in the table and in the index by date."""
    return f"TENANT#{tenant_id}"


def order_key(tenant_id: str, order_id: UUID) -> dict[str, Any]:
    """The primary key of an order, in DynamoDB's format."""
    return to_attributes({"PK": partition_key(tenant_id), "SK": f"ORDER#{order_id}"})


def _plain(value: object) -> object:
    """A value of a model as DynamoDB's serializer accepts it."""
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def to_attributes(values: Mapping[str, object]) -> dict[str, Any]:
    """Values in DynamoDB's format; those that are None are left out."""
    return {key: _serializer.serialize(_plain(value)) for key, value in values.items() if value is not None}


def attributes_of(order: Order) -> dict[str, Any]:
    """The item of an order in DynamoDB's format, with the keys of table and indexes."""
    partition, name = partition_key(order.tenant_id), f"ORDER#{order.id}"
    by_date = {"GSI1_PK": partition, "GSI1_SK": f"{format_timestamp(order.date_created)}#{order.id}"}
    keys = {"PK": partition, "SK": name, **by_date, "GSI2_PK": name, "GSI2_SK": "METADATA"}
    return to_attributes({**keys, **order.dict(by_alias=True)})


def item_size(item: Mapping[str, Any]) -> int:
    """How many bytes DynamoDB counts for an item, at most.

    Source: DynamoDB Developer Guide, "DynamoDB item sizes and formats". A number takes a byte for two digits, and one
    or two more; here one for each digit, which is never less.
    """
    return sum(len(name.encode()) + _value_size(each) for name, each in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + len(content) + item_size(content)
    if kind == "L":
        return 3 + sum(1 + _value_size(each) for each in content)
    return 1 if kind == "BOOL" else 1 + len(content.encode())


def to_order(item: Mapping[str, Any]) -> Order:
    """The order that an item holds."""
    return Order.parse_obj({key: _deserializer.deserialize(value) for key, value in item.items()})


_Reader = Callable[[Mapping[str, Any]], object]
# In this order: an amount is a Decimal, and a bool is an int.
_READERS: dict[type[Any], _Reader] = {
    # DynamoDB drops trailing zeros; an amount always has its cents.
    Amount: lambda value: f"{Decimal(value['N']):.2f}",
    Decimal: lambda value: value["N"],
    bool: lambda value: value["BOOL"],
    int: lambda value: int(value["N"]),
}


def item_json(model: type[BaseModel], item: Mapping[str, Any]) -> dict[str, object]:
    """The JSON object of a model, from the item that the model was written as, without building the model.

    Building the models of a page of fifty orders takes ten times as long (docs/decisions/0005-libraries-refused.md).
    It is the same as `rest.to_json` makes of the model: amounts as text with their cents, no field that is None.
    """
    return {**_defaults(model), **{name: read(item[name]) for name, read in _readers(model).items() if name in item}}


@cache
def _defaults(model: type[BaseModel]) -> dict[str, object]:
    return {field.alias: field.default for field in model.__fields__.values() if field.default is not None}


@cache
def _readers(model: type[BaseModel]) -> dict[str, _Reader]:
    return {field.alias: _reader(field) for field in model.__fields__.values()}


def _reader(field: ModelField) -> _Reader:
    one = _value_reader(field.type_)
    return (lambda value: [one(each) for each in value["L"]]) if field.shape == SHAPE_LIST else one


def _value_reader(kind: type[Any]) -> _Reader:
    if issubclass(kind, BaseModel):
        return lambda value: item_json(kind, value["M"])
    return next((reader for base, reader in _READERS.items() if issubclass(kind, base)), lambda value: value["S"])
