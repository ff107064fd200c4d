"""The schemas of what the API takes and gives, from the models: JSON Schema 2020-12."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic.schema import schema as models_schema

from common.models import Model, OrderRequest
from common.order import Order, OrderUpdate
from common.repository import MAX_PAGE_SIZE

_PREFIX = "#/components/schemas/"
# As iso() of common/models.py writes it.
_ANSWERED_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
# Of the fields whose pattern nobody reads.
_IN_WORDS = {
    "customerEmail": "A mail address in ASCII.",
    "transactionId": "The payment provider's reference; one with a card number in it is refused.",
    **dict.fromkeys(("street", "city", "province"), "Letters of any script, without controls and < > { } $ % \\."),
}
PAGE_TOKEN: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,1024}$"}


def ref(name: str) -> dict[str, str]:
    """A reference to a schema of the document."""
    return {"$ref": _PREFIX + name}


def _plain(node: Any) -> Any:
    """A schema of pydantic 1, which writes draft 7 and Python's regular expressions, as JSON Schema 2020-12."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _plain(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if len(found.get("allOf", [])) == 1:
        # Draft 7 ignores what stands beside a $ref, so pydantic wraps it; 2020-12 reads both.
        found |= found.pop("allOf")[0]
    if "pattern" in found:
        found["pattern"] = found["pattern"].replace(r"\Z", "$")
    if "description" in found:
        found["description"] = re.sub(r" \(R\d+(, R\d+)*\)", "", found["description"])
    return found


def _models(root: type[Model]) -> Iterator[type[Model]]:
    yield root
    for field in root.__fields__.values():
        if isinstance(field.type_, type) and issubclass(field.type_, Model):
            yield from _models(field.type_)


def _requests() -> dict[str, Any]:
    """The schemas of what callers send: null is the same as not given, where a field may be left out."""
    found: dict[str, Any] = _plain(models_schema([OrderRequest, OrderUpdate], ref_prefix=_PREFIX)["definitions"])
    for model in {*_models(OrderRequest), *_models(OrderUpdate)}:
        properties = found[model.__name__]["properties"]
        for field in model.__fields__.values():
            if field.allow_none:
                properties[field.alias] = {"anyOf": [properties[field.alias], {"type": "null"}]}
    return found


def _answers() -> dict[str, Any]:
    """The schemas of what the functions answer: nothing but the fields of the model, and null in none."""
    found: dict[str, Any] = _plain(models_schema([Order], ref_prefix=_PREFIX)["definitions"])
    for model in set(_models(Order)):
        answered = found[model.__name__]
        answered["additionalProperties"] = False
        answered["required"] = [field.alias for field in model.__fields__.values() if not field.allow_none]
        for value in answered["properties"].values():
            value.pop("default", None)
            if value.get("format") == "date-time":
                value["pattern"] = _ANSWERED_MOMENT
    order = found[Order.__name__]["properties"]
    order["orderNumber"]["pattern"] = "^ORD-[0-9]{4}-[0-9]{5,}$"
    order["items"]["minItems"] = order["version"]["minimum"] = 1
    return found


def _object(description: str, properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def schemas() -> dict[str, Any]:
    """The schemas of the document, by name."""
    text = {"type": "string", "minLength": 1}
    # What is both sent and answered, such as an address, is sent more freely: that schema holds for both.
    found = {
        **_answers(),
        **_requests(),
        "OrderAccepted": _object("An order that will be on record.", {"orderId": {"type": "string", "format": "uuid"}}),
        "OrderPage": _object(
            "Some orders, newest first; startAt is there when moreAvailable is true.",
            {
                "items": {"type": "array", "items": ref("Order"), "maxItems": MAX_PAGE_SIZE},
                "moreAvailable": {"type": "boolean"},
                "startAt": PAGE_TOKEN,
            },
            optional=("startAt",),
        )
        | {
            "if": {"properties": {"moreAvailable": {"const": True}}},
            "then": {"required": ["startAt"]},
            "else": {"properties": {"startAt": False}},
        },
        "Problem": _object(
            "Problem details (RFC 9457).",
            {
                "type": {"const": "about:blank"},
                "title": text,
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "detail": text,
                "errors": {
                    "type": "array",
                    "minItems": 1,
                    "items": _object("What is wrong with one field.", {"field": text, "detail": text}),
                },
            },
            optional=("status", "errors"),
        ),
        "Health": _object("That the API is up.", {"status": {"const": "ok"}}),
    }
    for schema in found.values():
        for field, value in schema.get("properties", {}).items():
            if isinstance(value, dict) and field in _IN_WORDS:
                value["description"] = _IN_WORDS[field]
    return found
