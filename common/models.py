"""What a customer sends to place an order, and what the Cart service responds with. camelCase in JSON."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, ValidationError, validator
from pydantic.error_wrappers import ErrorWrapper
from pydantic.utils import ROOT_KEY

from common.field_types import (
    AddressText,
    Amount,
    CampaignName,
    CountryCode,
    CurrencyCode,
    Email,
    Identifier,
    Percent,
    PostalCode,
    ProductName,
    Quantity,
    Timestamp,
)

MAX_CART_LINES = 1_000


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)


def invalid_fields(error: ValidationError) -> str:
    """What is wrong with which fields, for logs: without the values."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


class Model(BaseModel):
    """Base of all models: immutable, camelCase aliases, unknown fields rejected."""

    class Config:
        alias_generator = _camel
        allow_population_by_field_name = True
        allow_mutation = False
        extra = "forbid"
        # In place of pydantic's own, since callers of the API read them.
        error_msg_templates: ClassVar[dict[str, str]] = {
            "type_error.integer": "must be a whole number",
            "type_error.none.not_allowed": "must not be null",
            "type_error.str": "must be a string",
            "value_error.any_str.max_length": "must have at most {limit_value} characters",
            "value_error.any_str.min_length": "must not be empty",
            "value_error.extra": "is not a known field",
            "value_error.missing": "is required",
            "value_error.number.not_ge": "must be at least {limit_value}",
            "value_error.number.not_le": "must be at most {limit_value}",
        }

    @classmethod
    def parse_obj(cls, obj: Any) -> Self:
        """Parse an object; pydantic 1 would also accept a list of pairs, and raise TypeError for some of them."""
        if not isinstance(obj, dict):
            raise ValidationError([ErrorWrapper(TypeError("must be an object"), loc=ROOT_KEY)], cls)
        return super().parse_obj(obj)

    @classmethod
    def validate(cls, value: Any) -> Self:
        """Validate a nested model: an object, not a list of pairs."""
        if not isinstance(value, dict | cls):
            raise TypeError("must be an object")
        return super().validate(value)


class TolerantModel(Model):
    """Base of data from other services and the table: ignores fields that this version does not know."""

    class Config(Model.Config):
        extra = "ignore"


class PaymentMethod(StrEnum):
    """How the customer pays."""

    CARD = "CARD"
    EFT = "EFT"
    INSTANT_EFT = "INSTANT_EFT"


class Currency(StrEnum):
    """The currencies that the portal sells in."""

    ZAR = "ZAR"


class Address(Model):
    """A billing address."""

    street: AddressText
    city: AddressText
    province: AddressText
    country: CountryCode
    postal_code: PostalCode

    class Config(Model.Config):
        schema_extra: ClassVar[dict[str, Any]] = {
            "not": {"properties": {"country": {"const": "ZA"}, "postalCode": {"not": {"pattern": "^[0-9]{4}$"}}}}
        }

    @validator("postal_code")
    def _south_african(cls, value: str, values: dict[str, Any]) -> str:
        if values.get("country") == "ZA" and not re.fullmatch(r"[0-9]{4}", value):
            raise ValueError("must be four digits in South Africa")
        return value


class OrderRequest(Model):
    """The body of a request that places an order. It has no prices: the Cart service owns them."""

    customer_email: Email
    cart_id: Identifier
    campaign_code: Identifier | None = None
    billing_address: Address
    payment_method: PaymentMethod
    currency: Currency = Currency.ZAR


class CartItem(TolerantModel):
    """A line of a cart from the Cart service; the price excludes VAT."""

    product_id: Identifier
    name: ProductName
    quantity: Quantity
    unit_price: Amount


class Cart(TolerantModel):
    """A cart from the Cart service."""

    cart_id: Identifier
    tenant_id: Identifier
    # Any, so that a cart in a currency that is not sold in is no malformed cart.
    currency: CurrencyCode
    items: list[CartItem] = Field(..., min_items=1, max_items=MAX_CART_LINES)


class Campaign(TolerantModel):
    """A campaign from the Cart service; the order keeps a copy of it as it was when the order was placed."""

    code: Identifier
    name: CampaignName
    discount_percent: Percent
    valid_from: Timestamp
    valid_to: Timestamp

    def covers(self, timestamp: datetime) -> bool:
        """Whether the campaign is valid at this time, both ends included."""
        return self.valid_from <= timestamp <= self.valid_to
