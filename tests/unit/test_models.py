"""Requests, updates and carts: valid ones are parsed, invalid ones are refused with the field named."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.card_numbers import holds_card_number
from common.field_types import format_timestamp, parse_timestamp
from common.models import Address, Campaign, Cart, CartItem, OrderRequest
from common.order import OrderUpdate, PaymentDetails
from tests.support.samples import address, order_request


def _wrong_fields(model: Any, body: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationError) as refused:
        model.parse_obj(body)
    return {".".join(map(str, error["loc"])) for error in refused.value.errors()}


def test_request_valid_gets_defaults() -> None:
    """A valid request is parsed and gets its defaults."""
    request = OrderRequest.parse_obj(order_request())
    assert request.currency == "ZAR"
    assert request.campaign_code is None


@pytest.mark.parametrize("field", ["customerEmail", "cartId", "billingAddress", "paymentMethod"])
def test_request_missing_field_is_named(field: str) -> None:
    """A missing field is named."""
    assert _wrong_fields(OrderRequest, order_request(**{field: None})) == {field}


@pytest.mark.parametrize("field", ["street", "city", "province", "postalCode", "country"])
def test_address_missing_field_is_named(field: str) -> None:
    """A missing field of the address is named."""
    body = order_request(billingAddress=address(**{field: None}))
    assert _wrong_fields(OrderRequest, body) == {f"billingAddress.{field}"}


def test_request_invalid_fields_are_all_named() -> None:
    """All invalid fields are named at once."""
    body = order_request(customerEmail=7, cartId="../x", paymentMethod="GOLD", price="1.00", currency="USD")
    assert _wrong_fields(OrderRequest, body) == {"customerEmail", "cartId", "paymentMethod", "price", "currency"}


@pytest.mark.parametrize("value", [7, -1, True, ["x"], {"a": 1}, 1.5])
@pytest.mark.parametrize("field", ["customerEmail", "cartId", "campaignCode"])
def test_text_other_type_is_refused(field: str, value: object) -> None:
    """A value of another type is refused, not converted to text."""
    assert _wrong_fields(OrderRequest, order_request(**{field: value})) == {field}


@pytest.mark.parametrize(
    "email",
    [
        "",
        "plain",
        "a@b",
        "a@b..co",
        "a b@c.co",
        "a@c.co\n",
        "a@c.co\r\nBcc: x@y.co",
        "<a@c.co>",
        "ä@c.co",
        "a@cö.co",
        "a" * 65 + "@c.co",
        "a@" + ("d" * 60 + ".") * 5 + "co",
        "{{7*7}}@c..co",
        "first..last@c.co",
        ".first@c.co",
        "last.@c.co",
        ".@c.co",
        '"a b"@c.co',
        "a@-c.co",
        "a@c-.co",
        "a@.co",
        "a@c.co.",
        "a@" + "d" * 64 + ".co",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@c.xn--",
        "a@c.xn--p1ai-",
        "a@b@c.co",
    ],
)
def test_email_invalid_is_refused(email: str) -> None:
    """An invalid email address is refused."""
    assert _wrong_fields(OrderRequest, order_request(customerEmail=email)) == {"customerEmail"}


@pytest.mark.parametrize(
    "email",
    [
        "a@c.co",
        "first.last+tag@c.co",
        "a" * 64 + "@c.co",
        "a@" + "d" * 63 + ".co",
        "a@" + ("d" * 59 + ".") * 4 + "abcdefgh.co",
        "o'brien@c.co",
        "a@c.c-d.co.za",
        "a@xn--e1afmkfd.xn--p1ai",
    ],
)
def test_email_valid_is_accepted(email: str) -> None:
    """An email address of an ordinary customer is accepted, up to the lengths of RFC 5321."""
    assert OrderRequest.parse_obj(order_request(customerEmail=email)).customer_email == email


@pytest.mark.parametrize(
    "text",
    [
        "Z\ufffdrich",
        "",
        "   ",
        "x" * 201,
        "<b>x</b>",
        "{{ 7*7 }}",
        "{% for x in y %}",
        "${7*7}",
        "a\x00b",
        "a\nb",
        "a\u202eb",
        "a\u200bb",
        "a\ud800b",
        "a\u2028b",
    ],
)
def test_address_markup_is_refused(text: str) -> None:
    """Markup, template syntax and control characters in an address are refused."""
    body = order_request(billingAddress=address(street=text))
    assert _wrong_fields(OrderRequest, body) == {"billingAddress.street"}


@pytest.mark.parametrize("text", ["Zoë Street 5", "ул. Ленина 1", "شارع الملك", "長安街", "O'Neill & Sons, 3/4 #5"])
def test_address_any_script_is_accepted(text: str) -> None:
    """An address in any script is accepted, without the spaces around it."""
    request = OrderRequest.parse_obj(order_request(billingAddress=address(street=f" {text} ")))
    assert request.billing_address.street == text


def test_address_is_normalised() -> None:
    """An address is stored in Unicode normal form C."""
    request = OrderRequest.parse_obj(order_request(billingAddress=address(city="Zoe\u0308")))
    assert request.billing_address.city == "Zoë"


@pytest.mark.parametrize(
    ("country", "code", "good"),
    [
        ("ZA", "8001", True),
        ("ZA", "80011", False),
        ("GB", "SW1A 1AA", True),
        ("GB", "x" * 13, False),
        ("ZA", "٨٠٠١", False),
    ],
)
def test_postal_code_depends_on_country(country: str, code: str, good: bool) -> None:
    """A postal code has four digits in South Africa and is freer elsewhere."""
    body = order_request(billingAddress=address(country=country, postalCode=code))
    if good:
        assert OrderRequest.parse_obj(body).billing_address.postal_code == code
    else:
        assert _wrong_fields(OrderRequest, body) == {"billingAddress.postalCode"}


PAYMENT = {"method": "EFT", "transactionId": "t-1", "paidAt": "2026-11-24T10:00:00Z"}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"__root__"}),
        ({"status": "PAID"}, {"__root__"}),
        ({"status": "LOST"}, {"status"}),
        ({"paymentDetails": {**PAYMENT, "paidAt": "2026-11-24T10:00:00"}}, {"paymentDetails.paidAt"}),
        ({"paymentDetails": {**PAYMENT, "transactionId": "t 1"}}, {"paymentDetails.transactionId"}),
        ({"paymentDetails": {**PAYMENT, "paidAt": 4111111111111111}}, {"paymentDetails.paidAt"}),
        ({"paymentDetails": {**PAYMENT, "paidAt": "4111111111111111"}}, {"paymentDetails.paidAt"}),
        ({"status": "CANCELLED", "total": "0.00"}, {"total"}),
    ],
)
def test_update_invalid_is_refused(body: dict[str, Any], wrong: set[str]) -> None:
    """An invalid update is refused and the field named."""
    assert _wrong_fields(OrderUpdate, body) == wrong


def test_update_paid_with_details_is_accepted() -> None:
    """An update to PAID with payment details is accepted."""
    update = OrderUpdate.parse_obj({"status": "PAID", "paymentDetails": PAYMENT})
    assert update.payment_details is not None
    assert update.payment_details.transaction_id == "t-1"


# Test numbers published by the card schemes: Visa (13, 16 and 19 digits), Mastercard twice, American Express, Diners
# Club, JCB, Discover, UnionPay, Maestro.
CARDS = [
    "4222222222222",
    "4111111111111111",
    "4000000000000000006",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "3530111333300000",
    "6011111111111117",
    "6205500000000000004",
    "6759649826438453",
]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("form", ["{}", "tx-{}", "pay_{}_2026", "2026-{}", "card{}", "{}-12-2030", "ref4-{}"])
def test_transaction_id_card_number_is_refused(form: str, card: str) -> None:
    """A transaction id that contains a card number is refused."""
    for number in (card, "-".join(card[at : at + 4] for at in range(0, len(card), 4))):
        body = {"paymentDetails": {**PAYMENT, "transactionId": form.format(number)}}
        assert _wrong_fields(OrderUpdate, body) == {"paymentDetails.transactionId"}, number


def test_card_number_with_spaces_is_found() -> None:
    """A card number with spaces in it is found."""
    assert holds_card_number("paid with 4111 1111 1111 1111, thank you")
    assert holds_card_number("3782 822463 10005")


@pytest.mark.parametrize("card", CARDS)
@given(data=st.data())
def test_card_number_mistyped_is_not_found(card: str, data: st.DataObject) -> None:
    """A card number with one wrong digit is not taken for one."""
    # The Luhn check finds every single wrong digit.
    at = data.draw(st.integers(2, len(card) - 1))
    digit = data.draw(st.sampled_from(sorted(set("0123456789") - {card[at]})))
    assert not holds_card_number(card[:at] + digit + card[at + 1 :])


@pytest.mark.parametrize(
    "transaction_id",
    [
        "t-1",
        "411111111111",
        "20261124100000000",
        "1764012345678",
        "41111111111111110000",
        "4111111111111112",
        "a3f4111111111111111c09be7715d2e4",
        "41111111-1111-4111-8111-111111111111",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
    ],
)
def test_transaction_id_like_card_is_accepted(transaction_id: str) -> None:
    """References that only resemble a card number are accepted."""
    update = OrderUpdate.parse_obj({"paymentDetails": {**PAYMENT, "transactionId": transaction_id}})
    assert update.payment_details is not None


@given(st.uuids(version=4))
def test_card_number_uuid_is_not_found(identifier: UUID) -> None:
    """No UUID is taken for a card number."""
    assert not holds_card_number(str(identifier))
    assert not holds_card_number(f"tx-{identifier.hex}")


def test_payment_on_record_is_always_readable() -> None:
    """Payment details on record are readable whatever their transaction id."""
    assert PaymentDetails.parse_obj({**PAYMENT, "transactionId": CARDS[0]}).transaction_id == CARDS[0]


def test_object_list_of_pairs_is_refused() -> None:
    """A list of pairs is refused where an object is expected."""
    body = order_request(billingAddress=list(address().items()))
    assert _wrong_fields(OrderRequest, body) == {"billingAddress"}


@pytest.mark.parametrize(
    "timestamp", [1_795_000_000, "1795000000", "2026-11-24", "0001-01-01T00:00:00+01:00", True, None]
)
def test_paid_at_not_timestamp_is_refused(timestamp: object) -> None:
    """paidAt must be a timestamp with an offset."""
    body = {"paymentDetails": {**PAYMENT, "paidAt": timestamp}}
    assert _wrong_fields(OrderUpdate, body) == {"paymentDetails.paidAt"}


@pytest.mark.parametrize("timestamp", ["2026-11-24T12:00:00+02:00", "2026-11-24T10:00:00.000000Z"])
def test_timestamp_any_offset_is_same_time(timestamp: str) -> None:
    """The same time with another offset is formatted the same."""
    details = OrderUpdate.parse_obj({"paymentDetails": {**PAYMENT, "paidAt": timestamp}}).payment_details
    assert details
    assert format_timestamp(details.paid_at) == "2026-11-24T10:00:00.000000Z"


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_timestamp_text_order_is_time_order(one: datetime, other: datetime) -> None:
    """Formatted timestamps sort like the times that they are."""
    assert (format_timestamp(one) < format_timestamp(other)) is (one < other)
    assert parse_timestamp(format_timestamp(one)) == one


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Rooibos\r\nBcc: x@example.com", "Rooibos  Bcc: x@example.com"),
        ("a\x00b\x7fc\x9fd\ud800e\u2028f", "a b c d e f"),
        ("photo\u202egnp.exe\u2066", "photognp.exe"),
        ("شاي 👩‍👩‍👧 {{7*7}} <b>", "شاي 👩‍👩‍👧 {{7*7}} <b>"),
    ],
)
def test_product_name_is_cleaned(name: str, kept: str) -> None:
    """Control and bidirectional characters are removed from a product name."""
    item = CartItem.parse_obj({"productId": "p", "name": name, "quantity": 1, "unitPrice": "1.00"})
    assert item.name == kept


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_LINE = {"productId": "p", "name": "n", "quantity": 1, "unitPrice": "1.00"}
_CAMPAIGN = {"code": "C", "name": "n", "discountPercent": "10", "validFrom": PAYMENT["paidAt"], "validTo": "x"}
_GOOD: list[tuple[Any, dict[str, Any]]] = [
    (OrderRequest, order_request()),
    (OrderRequest, order_request(campaignCode="C", currency="ZAR")),
    (OrderUpdate, {"status": "PAID", "paymentDetails": PAYMENT}),
    (Address, address()),
    (CartItem, _LINE),
    (Cart, {"cartId": "c", "tenantId": "t", "currency": "ZAR", "items": [_LINE]}),
    (Campaign, {**_CAMPAIGN, "validTo": PAYMENT["paidAt"]}),
]


@st.composite
def _altered(draw: st.DrawFn) -> tuple[Any, Any]:
    """A model, and a valid object for it in which one value is replaced."""
    model, body = draw(st.sampled_from(_GOOD))
    changed = {**body, draw(st.sampled_from(sorted(body)) | st.text(max_size=5)): draw(_json)}
    # Through JSON, as a request arrives: with its numbers, infinities and lone surrogates.
    return model, json.loads(json.dumps(changed))


@given(_altered() | st.tuples(st.sampled_from([model for model, _ in _GOOD]), _json))
def test_model_any_json_is_parsed_or_refused(altered: tuple[Any, Any]) -> None:
    """Any JSON is a valid model, or is refused; what is valid survives a message."""
    model, body = altered
    try:
        parsed = model.parse_obj(body)
    except ValidationError:
        return
    # What is valid can be sent in a message and parsed again.
    assert model.parse_raw(parsed.json(by_alias=True)) == parsed
