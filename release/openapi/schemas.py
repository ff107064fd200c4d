"""Builds the schemas of requests and responses from the models: JSON Schema 2020-12."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.schema import schema as models_schema

from common.models import Model, OrderRequest
from common.money import VAT_RATE
from common.order import MAX_HISTORY, Order, OrderUpdate
from common.repository import MAX_PAGE_SIZE
from common.status import ACCEPTED

_PREFIX = "#/components/schemas/"
# As format_timestamp() writes it.
_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
# What neither name nor pattern of a field says: by field, or by schema and field.
_DESCRIPTIONS = {
    "OrderRequest.cartId": "Id of the cart to order.",
    "Order.cartId": "Id of the cart. Only a rejected order has it.",
    "active": "Always true.",
    "customerEmail": "An email address in ASCII.",
    "discount": "Taken off the subtotal by the campaign.",
    "history": f"The newest {MAX_HISTORY} versions, oldest first: who changed what, and when. Lists leave it out.",
    "invoiceKey": "Present once the invoice can be downloaded.",
    "lastUpdatedBy": "Id (`sub`) of the user who made the newest version.",
    "lineTotal": "quantity × unitPrice, in rand, excluding VAT.",
    "orderNumber": "Every order has one, except a rejected order.",
    "rejection": "Present if and only if the status is REJECTED. Such an order has no number, lines, price or invoice.",
    "postalCode": "Four digits in South Africa.",
    "startAt": "Present if and only if `moreAvailable` is true.",
    "subtotal": "Sum of the lines, excluding VAT, before the discount.",
    "tax": f"VAT, {VAT_RATE * 100:.0f} % of the subtotal less the discount.",
    "total": "What the customer pays, including VAT.",
    "transactionId": "The payment provider's reference. A card number is rejected.",
    "unitPrice": "Price of one, in rand, excluding VAT.",
    **dict.fromkeys(
        ("street", "city", "province"),
        "Text in any script, without control characters and without < > { } $ % or backslash.",
    ),
}
PAGE_TOKEN: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,1024}$"}


def ref(name: str) -> dict[str, str]:
    """A reference to a schema of the document."""
    return {"$ref": _PREFIX + name}


def _convert(node: Any) -> Any:
    """Convert a schema of pydantic 1, draft 7 with Python's regular expressions, to JSON Schema 2020-12."""
    if isinstance(node, list):
        return [_convert(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _convert(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if len(found.get("allOf", [])) == 1:
        # Draft 7 ignores keywords next to $ref, so pydantic wraps it; 2020-12 reads both.
        found |= found.pop("allOf")[0]
    if "pattern" in found:
        found["pattern"] = found["pattern"].replace(r"\Z", "$")
    return found


def _definitions(*models: type[Model]) -> dict[str, Any]:
    found: dict[str, Any] = _convert(models_schema(models, ref_prefix=_PREFIX)["definitions"])
    return found


def _nested(model: type[Model]) -> Iterator[type[Model]]:
    """A model and the models in its fields."""
    yield model
    for field in model.__fields__.values():
        if isinstance(field.type_, type) and issubclass(field.type_, Model):
            yield from _nested(field.type_)


def _requests() -> dict[str, Any]:
    """The schemas of requests: an optional field may be null."""
    found = _definitions(OrderRequest, OrderUpdate)
    for model in {*_nested(OrderRequest), *_nested(OrderUpdate)}:
        properties = found[model.__name__]["properties"]
        for field in model.__fields__.values():
            if field.allow_none:
                properties[field.alias] = {"anyOf": [properties[field.alias], {"type": "null"}]}
    return found


def _responses() -> dict[str, Any]:
    """The schemas of responses: only the fields of the model, and no field is null."""
    found = _definitions(Order)
    for model in set(_nested(Order)):
        schema = found[model.__name__]
        schema["additionalProperties"] = False
        schema["required"] = [field.alias for field in model.__fields__.values() if not field.allow_none]
        for value in schema["properties"].values():
            value.pop("default", None)
            if value.get("format") == "date-time":
                value["pattern"] = _TIMESTAMP
    order = found["Order"]["properties"]
    order["orderNumber"]["pattern"] = "^ORD-[0-9]{4}-[0-9]{5,}$"
    order["version"]["minimum"] = 1
    # Lists leave it out.
    found["Order"]["required"].remove("history")
    return found


def _object(
    description: str, properties: dict[str, Any], optional: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    closed = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"description": description, **closed, **more}


def schemas() -> dict[str, Any]:
    """The schemas of the document, by name."""
    text = {"type": "string", "minLength": 1}
    field_error = _object("What is wrong with one field.", {"field": text, "detail": text})
    problem = {
        "type": {"const": "about:blank"},
        "title": text,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": text,
        "errors": {"type": "array", "minItems": 1, "items": field_error},
    }
    page = {
        "items": {"type": "array", "items": ref("Order"), "maxItems": MAX_PAGE_SIZE},
        "moreAvailable": {"type": "boolean"},
        "startAt": PAGE_TOKEN,
    }
    # `not` in place of `if` and `then`, which few tools read.
    without_token = {"properties": {"moreAvailable": {"const": True}, "startAt": {"not": {}}}}
    with_token = {"properties": {"moreAvailable": {"const": False}, "startAt": {}}, "required": ["startAt"]}
    found = {
        # Requests last: schemas that both use, such as Address, are wider in requests.
        **_responses(),
        **_requests(),
        "OrderAccepted": _object("An accepted order.", {"orderId": {"type": "string", "format": "uuid"}}),
        "OrderPending": _object(
            "An order that is accepted and not recorded yet.",
            {"orderId": {"type": "string", "format": "uuid"}, "status": {"const": ACCEPTED}},
        ),
        "OrderPage": _object(
            "A page of orders, newest first.",
            page,
            ("startAt",),
            **{"not": {"anyOf": [without_token, with_token]}},
        ),
        "Problem": _object("Problem details (RFC 9457).", problem, ("status", "errors")),
        "Health": _object("The API is up.", {"status": {"const": "ok"}}),
    }
    for name, schema in found.items():
        for field, value in schema.get("properties", {}).items():
            if description := _DESCRIPTIONS.get(f"{name}.{field}") or _DESCRIPTIONS.get(field):
                schema["properties"][field] = {**value, "description": description}
    return found
