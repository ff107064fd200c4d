"""The data of the order domain (R3, R5): pydantic 1 models, camelCase outside and snake_case inside."""

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConstrainedDecimal,
    ConstrainedInt,
    ConstrainedStr,
    Field,
    ValidationError,
    root_validator,
    validator,
)
from pydantic.error_wrappers import ErrorWrapper
from pydantic.utils import ROOT_KEY

from common.card_numbers import holds_card_number
from common.money import to_cents
from common.status import OrderStatus

MAX_CART_LINES = 1_000


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)


MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)

# Half surrogates are no text, and neither DynamoDB nor a PDF takes them.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
# Embeddings, overrides and isolates (Unicode Standard Annex 9, 2.1 to 2.4).
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def iso(moment: datetime) -> str:
    """A moment as table and API give it: UTC with microseconds, so that text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_moment(text: str) -> datetime:
    """A moment that a caller names, in UTC.

    Args:
        text: a date-time of RFC 3339 with at most six places of a second.

    Raises:
        ValueError: it is none, or lies outside of the years 1 to 9999 in UTC.
    """
    if not MOMENT.fullmatch(text):
        raise ValueError("not a date-time of RFC 3339")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside of the years 1 to 9999") from error


class Model(BaseModel):
    """Base of all models: immutable, camelCase aliases, unknown fields refused."""

    class Config:
        alias_generator = _camel
        allow_population_by_field_name = True
        allow_mutation = False
        extra = "forbid"

    @classmethod
    def parse_obj(cls, obj: Any) -> Self:
        """The model of an object; pydantic 1 would take a list of pairs too, and raise TypeError for some.

        Raises:
            ValidationError: it is no object, or not the model.
        """
        if not isinstance(obj, dict):
            raise ValidationError([ErrorWrapper(TypeError("must be an object"), loc=ROOT_KEY)], cls)
        return super().parse_obj(obj)

    @classmethod
    def validate(cls, value: Any) -> Self:
        """A nested model: an object, and not a list of pairs, which pydantic 1 would take too."""
        if not isinstance(value, dict | cls):
            raise TypeError("must be an object")
        return super().validate(value)


class TolerantModel(Model):
    """Base of what other services and the table give: a field that is new to this version is passed over."""

    class Config(Model.Config):
        extra = "ignore"


class Identifier(ConstrainedStr):
    """An identifier that is safe in a path, a key and a log: 1 to 64 of A-Z, a-z, 0-9, - and _."""

    strict = True
    regex = re.compile(r"^[A-Za-z0-9_-]{1,64}\Z")


class Email(ConstrainedStr):
    """A mail address as HTML's `input type=email` takes it, at most 254 characters (RFC 5321), ASCII as SES needs."""

    strict = True
    max_length = 254
    regex = re.compile(
        r"^[A-Za-z0-9.!#$%&'*+/=?^_`|~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\Z"
    )


class TransactionId(Identifier):
    """A payment provider's reference of a payment: an identifier that holds no card number."""

    @classmethod
    def __get_validators__(cls) -> Any:
        yield from super().__get_validators__()
        yield cls._no_card_number

    @classmethod
    def _no_card_number(cls, value: str) -> str:
        if holds_card_number(value):
            raise ValueError("must not be a card number; send the payment provider's reference")
        return value


class AddressText(ConstrainedStr):
    """A line of an address: 1 to 200 characters of any script, no markup, template syntax or controls."""

    strict = True
    strip_whitespace = True
    min_length = 1
    max_length = 200

    @classmethod
    def __get_validators__(cls) -> Any:
        yield from super().__get_validators__()
        yield cls._plain

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        super().__modify_schema__(field_schema)
        field_schema["pattern"] = (
            r"^(?!.*[<>{}$%\\])[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*[\p{L}\p{M}\p{N}\p{P}\p{S}]\p{Zs}*$"
        )

    @classmethod
    def _plain(cls, value: str) -> str:
        for character in value:
            # Cf would allow bidi overrides, Cs half surrogates, Co and Cn what no font shows.
            if character in "<>{}$%\\" or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
                raise ValueError(f"must not contain {character!a}")
        return unicodedata.normalize("NFC", value)


class GivenName(ConstrainedStr):
    """A name that the Cart service gives: controls become spaces, what turns the direction of text is left out.

    An order is not lost for a character in a name, and no name hides the amount beside it.
    """

    min_length = 1

    @classmethod
    def __get_validators__(cls) -> Any:
        yield lambda value: _TURNS.sub("", _CONTROLS.sub(" ", value)) if isinstance(value, str) else value
        yield from super().__get_validators__()


class ProductName(GivenName):
    """1 to 500 characters."""

    max_length = 500


class CampaignName(GivenName):
    """1 to 200 characters."""

    max_length = 200


class CountryCode(ConstrainedStr):
    """An ISO 3166-1 alpha-2 country code."""

    strict = True
    regex = re.compile(r"^[A-Z]{2}\Z")


class PostalCode(ConstrainedStr):
    """1 to 12 letters, digits, spaces or hyphens; in South Africa four digits."""

    strict = True
    regex = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 -]{0,11}\Z")


class Quantity(ConstrainedInt):
    """How many of a product: 1 to 100,000."""

    strict = True
    ge = 1
    le = 100_000

    @classmethod
    def __get_validators__(cls) -> Any:
        # DynamoDB gives every number as a Decimal.
        yield lambda value: int(value) if isinstance(value, Decimal) and value == value.to_integral() else value
        yield from super().__get_validators__()


class Amount(ConstrainedDecimal):
    """An amount of money in rand, zero or more, with at most two places; text in JSON, so that it stays exact."""

    ge = Decimal(0)
    max_digits = 14
    decimal_places = 2

    @classmethod
    def __get_validators__(cls) -> Any:
        yield from super().__get_validators__()
        # DynamoDB drops trailing zeros; an amount always shows its cents.
        yield to_cents

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        field_schema |= {"type": "string", "pattern": r"^[0-9]{1,12}\.[0-9]{2}$"}


class Percent(ConstrainedDecimal):
    """A percentage, 0 to 100, with at most two places."""

    ge = Decimal(0)
    le = Decimal(100)
    decimal_places = 2

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        field_schema |= {"type": "string", "pattern": r"^(100(\.00?)?|[0-9]{1,2}(\.[0-9]{1,2})?)$"}


class Moment(datetime):
    """A moment as text with an offset from UTC (RFC 3339). A number is none, nor is a time of nowhere."""

    @classmethod
    def __get_validators__(cls) -> Any:
        yield cls._with_offset

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        field_schema |= {"type": "string", "format": "date-time", "pattern": f"^{MOMENT.pattern}$"}

    @classmethod
    def _with_offset(cls, value: object) -> datetime:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        try:
            return parse_moment(value if isinstance(value, str) else "")
        except ValueError:
            raise ValueError("must be RFC 3339 with an offset from UTC, such as 2026-11-24T10:00:00Z") from None


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
            "if": {"properties": {"country": {"const": "ZA"}}},
            "then": {"properties": {"postalCode": {"pattern": "^[0-9]{4}$"}}},
        }

    @validator("postal_code")
    def _south_african(cls, value: str, values: dict[str, Any]) -> str:
        if values.get("country") == "ZA" and not re.fullmatch(r"[0-9]{4}", value):
            raise ValueError("must be four digits in South Africa")
        return value


class OrderRequest(Model):
    """What a customer sends to place an order (R5). No price: the Cart service owns prices."""

    customer_email: Email
    cart_id: Identifier
    campaign_code: Identifier | None = None
    billing_address: Address
    payment_method: PaymentMethod
    currency: Currency = Currency.ZAR


class PaymentDetails(Model):
    """How an order was paid."""

    method: PaymentMethod
    transaction_id: Identifier
    paid_at: Moment


def _given(field: str, kind: str) -> dict[str, Any]:
    """The JSON Schema of an object that has a field, and not null in it."""
    return {"required": [field], "properties": {field: {"type": kind}}}


class GivenPaymentDetails(PaymentDetails):
    """Payment details as a caller gives them; what is on record is read by the rule that it was taken by."""

    transaction_id: TransactionId

    @validator("paid_at", pre=True)
    def _is_text(cls, value: object) -> object:
        # pydantic takes a number for a time, and so a card's for one in the year 2100.
        if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", value):
            raise ValueError("must be ISO 8601, such as 2026-11-24T10:00:00Z")
        return value


class OrderUpdate(Model):
    """What a caller may change of an order: its status, its payment details, or both."""

    status: OrderStatus | None = None
    payment_details: GivenPaymentDetails | None = None

    class Config(Model.Config):
        schema_extra: ClassVar[dict[str, Any]] = {
            "anyOf": [_given("status", "string"), _given("paymentDetails", "object")],
            "if": {"required": ["status"], "properties": {"status": {"const": "PAID"}}},
            "then": _given("paymentDetails", "object"),
        }

    @root_validator(skip_on_failure=True)
    def _changes_something(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values["status"] is None and values["payment_details"] is None:
            raise ValueError("must have status, paymentDetails or both")
        if values["status"] is OrderStatus.PAID and values["payment_details"] is None:
            raise ValueError("must have paymentDetails when status is PAID")
        return values


class CartItem(TolerantModel):
    """A line of a cart, as the Cart service answers it; the price is exclusive of VAT."""

    product_id: Identifier
    name: ProductName
    quantity: Quantity
    unit_price: Amount


class Cart(TolerantModel):
    """A cart, as the Cart service answers it."""

    cart_id: Identifier
    tenant_id: Identifier
    currency: Currency
    items: list[CartItem] = Field(..., min_items=1, max_items=MAX_CART_LINES)


class Campaign(TolerantModel):
    """A campaign, as the Cart service answers it; copied into the order at the time of order (R3)."""

    code: Identifier
    name: CampaignName
    discount_percent: Percent
    valid_from: Moment
    valid_to: Moment

    def covers(self, moment: datetime) -> bool:
        """Whether the campaign runs at this moment, both ends included."""
        return self.valid_from <= moment <= self.valid_to


class OrderItem(CartItem):
    """A line of an order."""

    line_total: Amount


class OrderDraft(TolerantModel):
    """An order that is priced and has no number yet."""

    id: UUID
    tenant_id: Identifier
    customer_email: Email
    items: list[OrderItem]
    subtotal: Amount
    discount: Amount
    tax: Amount
    total: Amount
    currency: Currency
    status: OrderStatus = OrderStatus.PENDING_PAYMENT
    previous_status: OrderStatus | None = None
    date_status_changed: datetime | None = None
    campaign: Campaign | None = None
    billing_address: Address
    payment_method: PaymentMethod
    payment_details: PaymentDetails | None = None
    invoice_key: str | None = None
    date_created: datetime
    date_last_updated: datetime
    last_updated_by: str
    active: bool = True
    version: int = 1


class Order(OrderDraft):
    """An order on record (R3)."""

    order_number: str
