"""Turns an item of the table into the JSON of the API without building its models.

The item was validated when it was written. Building the models of a page of fifty orders takes longer than reading
them from the table (docs/decisions/0005-libraries-refused.md).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import SHAPE_LIST, ModelField

from common.field_types import Amount

_Reader = Callable[[Mapping[str, Any]], object]


def item_json(model: type[BaseModel], item: Mapping[str, Any]) -> dict[str, object]:
    """The JSON object of a model, from the item that the model was written as.

    Args:
        model: whose fields the object gets.
        item: in DynamoDB's format, such as `{"version": {"N": "1"}}`.

    Returns:
        The same as `rest.to_json` makes of the model: amounts as text with their cents, no field that is None.
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
    if issubclass(kind, Amount):
        # DynamoDB drops trailing zeros; an amount always has its cents.
        return lambda value: f"{Decimal(value['N']):.2f}"
    if issubclass(kind, Decimal):
        return lambda value: value["N"]
    if issubclass(kind, bool):
        return lambda value: value["BOOL"]
    if issubclass(kind, int):
        return lambda value: int(value["N"])
    return lambda value: value["S"]
