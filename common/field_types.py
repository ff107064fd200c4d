"""Types of single fields, each with the rules that its values keep. Messages are for the caller of the API."""

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import ConstrainedDecimal, ConstrainedInt, ConstrainedStr

from common.card_numbers import holds_card_number
from common.money import to_cents

TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)

# Lone surrogates are not text: DynamoDB and PDF reject them.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
# Of Unicode's categories, Cf includes bidi overrides, Cs lone surrogates; no font shows Co and Cn.
_NOT_TEXT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# And U+FFFD, which stands for bytes that could not be decoded.
_MARKUP = "<>{}$%\\\ufffd"
# Embeddings, overrides and isolates (Unicode Standard Annex 9, 2.1 to 2.4).
_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def format_timestamp(timestamp: datetime) -> str:
    """A timestamp as table and API have it: UTC with microseconds, so that text order is time order."""
    return timestamp.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """Parse an RFC 3339 timestamp with at most six decimal places into UTC.

    Raises ValueError if the text is not one, or is outside the years 1 to 9999 in UTC.
    """
    if not TIMESTAMP.fullmatch(text):
        raise ValueError("not an RFC 3339 timestamp")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error


# What every dialect of regular expressions can say of AddressText, which also refuses what Unicode does not assign, and
# format and private characters above U+FFFF.
_ADDRESS_PATTERN = (
    r"^(?!\s*$)[^<>{}$%\\\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ue000-\uf8ff\ufeff\ufff9-\ufffb\ufffd]+$"
)


# What every dialect of regular expressions can say of Email, which also refuses more than 64 characters before the @.
_EMAIL_PATTERN = (
    r"[A-Za-z0-9!#$%&'*+/=?^_`|~-](?:\.?[A-Za-z0-9!#$%&'*+/=?^_`|~-]){0,63}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z0-9-]{0,58}[A-Za-z0-9])"
)


class PatternText(ConstrainedStr):
    """Text that must match a pattern."""

    strict = True
    regex = re.compile("")
    rule = ""

    @classmethod
    def validate(cls, value: str) -> str:
        """Check the pattern; the message says in words what the text must be."""
        if not cls.regex.match(value):
            raise ValueError(f"must be {cls.rule}")
        return value


class Identifier(PatternText):
    """An identifier that is safe in a path, a key and a log: 1 to 64 of A-Z, a-z, 0-9, - and _."""

    regex = re.compile(r"^[A-Za-z0-9_-]{1,64}\Z")
    rule = "1 to 64 letters, digits, - or _"


class Email(PatternText):
    """An email address that SES accepts: a dot-string and a domain in ASCII or Punycode, as long as RFC 5321 allows.

    Not every such address: like HTML's `input type=email`, it has neither quotes nor braces.
    """

    max_length = 254
    regex = re.compile(rf"^(?=.{{1,64}}@){_EMAIL_PATTERN}\Z")
    rule = "an email address in ASCII"

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        super().__modify_schema__(field_schema)
        field_schema["pattern"] = f"^{_EMAIL_PATTERN}$"


class TransactionId(Identifier):
    """A payment provider's reference of a payment: an identifier that contains no card number."""

    @classmethod
    def __get_validators__(cls) -> Any:
        yield from super().__get_validators__()
        yield cls._no_card_number

    @classmethod
    def _no_card_number(cls, value: str) -> str:
        if holds_card_number(value):
            raise ValueError("must not be a card number: send the payment provider's reference")
        return value


class AddressText(ConstrainedStr):
    """A line of an address: 1 to 200 characters of any script; no markup, template syntax or control characters."""

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
        field_schema["pattern"] = _ADDRESS_PATTERN

    @classmethod
    def _plain(cls, value: str) -> str:
        for character in value:
            if character in _MARKUP or unicodedata.category(character) in _NOT_TEXT:
                raise ValueError(f"must not contain {character!a}")
        return unicodedata.normalize("NFC", value)


class DisplayName(ConstrainedStr):
    """A name from the Cart service: controls become spaces, bidirectional controls are removed.

    Cleaned rather than rejected: one character must not cost an order, or hide the amount next to the name.
    """

    min_length = 1

    @classmethod
    def __get_validators__(cls) -> Any:
        yield lambda value: _BIDI_CONTROLS.sub("", _CONTROLS.sub(" ", value)) if isinstance(value, str) else value
        yield from super().__get_validators__()


class ProductName(DisplayName):
    """1 to 500 characters."""

    max_length = 500


class CampaignName(DisplayName):
    """1 to 200 characters."""

    max_length = 200


class CountryCode(PatternText):
    """An ISO 3166-1 alpha-2 country code."""

    regex = re.compile(r"^[A-Z]{2}\Z")
    rule = "an ISO 3166-1 country code of two capital letters"


class CurrencyCode(PatternText):
    """An ISO 4217 currency code."""

    regex = re.compile(r"^[A-Z]{3}\Z")
    rule = "an ISO 4217 currency code of three capital letters"


class PostalCode(PatternText):
    """1 to 12 letters, digits, spaces or hyphens; in South Africa four digits."""

    regex = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 -]{0,11}\Z")
    rule = "1 to 12 letters, digits, spaces or hyphens"


class Quantity(ConstrainedInt):
    """The quantity of a product: 1 to 100,000."""

    strict = True
    ge = 1
    le = 100_000

    @classmethod
    def __get_validators__(cls) -> Any:
        # DynamoDB returns every number as a Decimal.
        yield lambda value: int(value) if isinstance(value, Decimal) and value == value.to_integral() else value
        yield from super().__get_validators__()


class Amount(ConstrainedDecimal):
    """An amount in rand, zero or more, with at most two decimal places; text in JSON, so that it stays exact."""

    ge = Decimal(0)
    max_digits = 14
    decimal_places = 2

    @classmethod
    def __get_validators__(cls) -> Any:
        yield from super().__get_validators__()
        # DynamoDB drops trailing zeros; an amount always has its cents.
        yield to_cents

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        field_schema |= {"type": "string", "pattern": r"^[0-9]{1,12}\.[0-9]{2}$"}


class Percent(ConstrainedDecimal):
    """A percentage, 0 to 100, with at most two decimal places."""

    ge = Decimal(0)
    le = Decimal(100)
    decimal_places = 2

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        field_schema |= {"type": "string", "pattern": r"^(100(\.00?)?|[0-9]{1,2}(\.[0-9]{1,2})?)$"}


class Timestamp(datetime):
    """RFC 3339 timestamp with a UTC offset. Numbers and timestamps without an offset are rejected."""

    @classmethod
    def __get_validators__(cls) -> Any:
        yield cls._with_offset

    @classmethod
    def __modify_schema__(cls, field_schema: dict[str, Any]) -> None:
        field_schema |= {"type": "string", "format": "date-time", "pattern": f"^{TIMESTAMP.pattern}$"}

    @classmethod
    def _with_offset(cls, value: object) -> datetime:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        try:
            return parse_timestamp(value if isinstance(value, str) else "")
        except ValueError:
            raise ValueError("must be an RFC 3339 timestamp with a UTC offset, such as 2026-11-24T10:00:00Z") from None
