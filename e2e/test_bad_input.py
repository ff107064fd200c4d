"""Bad requests are refused with a problem that names every wrong field, and they queue nothing."""

from typing import Any

import pytest

from e2e.expected import assert_no_order_yet, is_problem
from e2e.tenant import Tenant

ADDRESS_FIELDS = ("street", "city", "province", "postalCode", "country")


def bad_fields(good: dict[str, Any]) -> dict[str, tuple[dict[str, Any], set[str]]]:
    """Bad bodies by what is wrong with them, each with the fields that the response must name."""

    def body(**changes: Any) -> dict[str, Any]:
        return {name: value for name, value in {**good, **changes}.items() if value is not ...}

    def address(**changes: Any) -> dict[str, Any]:
        parts = {**good["billingAddress"], **changes}
        return body(billingAddress={name: value for name, value in parts.items() if value is not ...})

    cases: dict[str, tuple[dict[str, Any], set[str]]] = {}
    required = ("customerEmail", "cartId", "billingAddress", "paymentMethod")
    for field in required:
        cases[f"{field} missing"] = (body(**{field: ...}), {field})
        cases[f"{field} null"] = (body(**{field: None}), {field})
        cases[f"{field} of the wrong type"] = (body(**{field: 7}), {field})
        cases[f"{field} a list"] = (body(**{field: []}), {field})
    for field in ("customerEmail", "cartId", "paymentMethod", "campaignCode", "currency"):
        cases[f"{field} empty"] = (body(**{field: ""}), {field})
        cases[f"{field} too long"] = (body(**{field: "x" * 300}), {field})
        cases[f"{field} negative"] = (body(**{field: -1}), {field})
        cases[f"{field} with HTML"] = (body(**{field: "<b>x</b>"}), {field})
        cases[f"{field} with template syntax"] = (body(**{field: "{{ 7 * 7 }}"}), {field})
        cases[f"{field} with a line break"] = (
            body(**{field: f"{good.get(field, 'ZAR')}\r\nBcc: x@example.com"}),
            {field},
        )
    for field in ADDRESS_FIELDS:
        named = {f"billingAddress.{field}"}
        cases[f"{field} missing"] = (address(**{field: ...}), named)
        cases[f"{field} of the wrong type"] = (address(**{field: 8001}), named)
        cases[f"{field} empty"] = (address(**{field: " "}), named)
        cases[f"{field} too long"] = (address(**{field: "x" * 201}), named)
        for what, text in {
            "HTML": "<script>alert(1)</script>",
            "template syntax": "{{ config }}",
            "a statement": "{% include 'x' %}",
            "a control": "Long\x00Street",
            "a bidi override": "Long\u202estreet",
            "what could not be decoded": "L\ufffdng Street",
        }.items():
            cases[f"{field} with {what}"] = (address(**{field: text}), named)
    for email in (
        "x",
        "x@",
        "@example.com",
        "a b@example.com",
        "x@example",
        "тест@example.com",
        f"{'x' * 65}@example.com",
        "first..last@example.com",
        ".first@example.com",
        "last.@example.com",
        "x@-example.com",
        f"x@{'d' * 64}.com",
    ):
        cases[f"customerEmail {email}"] = (body(customerEmail=email), {"customerEmail"})
    cases["a postal code of five digits"] = (address(postalCode="80010"), {"billingAddress.postalCode"})
    cases["an unknown field"] = (body(price="1.00"), {"price"})
    cases["an unknown field in the address"] = (address(planet="Earth"), {"billingAddress.planet"})
    cases["another currency"] = (body(currency="USD"), {"currency"})
    cases["nothing at all"] = ({}, set(required))
    cases["two wrong fields"] = (body(cartId="a/b", paymentMethod="CASH"), {"cartId", "paymentMethod"})
    return cases


def test_order_with_wrong_fields_is_refused(tenant: Tenant) -> None:
    """A request with wrong fields is refused, the response names each of them, and no order is placed."""
    wrong = {}
    for name, (body, fields) in bad_fields(tenant.body()).items():
        response = tenant.call("POST", "/v1.0/orders", json=body)
        if not is_problem(response, 400) or {error["field"] for error in response.json()["errors"]} != fields:
            wrong[name] = f"{response.status_code} {response.text}"
    assert wrong == {}
    assert_no_order_yet(tenant)


def test_address_in_any_script_is_accepted(tenant: Tenant) -> None:
    """An address in any script, such as Arabic or Chinese, is accepted and stored unchanged."""
    address = tenant.body()["billingAddress"] | {
        "street": "شارع الملك 12",
        "city": "eThekwini – Ñandú 北京",
        "province": "KwaZulu-Natal & Co.",
    }
    order = tenant.invoiced(tenant.place(billingAddress=address))
    assert order["billingAddress"]["street"] == address["street"]
    assert order["billingAddress"]["city"] == address["city"]


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'"text"', {}, 400),
        (b"null", {}, 400),
        (b'{"cartId": NaN}', {}, 400),
        (b"\xff\xfe{}", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"cartId": "' + b"x" * 256 * 1024 + b'"}', {}, 413),
        (b"<order/>", {"Content-Type": "application/xml"}, 415),
        ('{"cartId": "Zürich"}'.encode("latin-1"), {"Content-Type": "application/json; charset=iso-8859-1"}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
    ids=["empty", "broken", "list", "text", "null", "NaN", "not UTF-8", "deep", "too big", "XML", "latin-1", "form"],
)
def test_malformed_body_is_refused(tenant: Tenant, data: bytes, headers: dict[str, str], status: int) -> None:
    """A body that is empty, malformed, too big or of another content type is refused, and no order is placed."""
    response = tenant.call("POST", "/v1.0/orders", data=data, headers={"Content-Type": "application/json", **headers})
    assert is_problem(response, status), f"{response.status_code} {response.text}"
    assert_no_order_yet(tenant)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, {"body"}),
        ({"status": "EATEN"}, {"status"}),
        ({"status": 1}, {"status"}),
        ({"total": "1.00"}, {"total"}),
        ({"tenantId": "tenant-acme", "status": "CANCELLED"}, {"tenantId"}),
        ({"paymentDetails": {}}, {f"paymentDetails.{name}" for name in ("method", "transactionId", "paidAt")}),
        (
            {"paymentDetails": {"method": "EFT", "transactionId": "<b>", "paidAt": "2026-11-24T10:00:00"}},
            {"paymentDetails.transactionId", "paymentDetails.paidAt"},
        ),
        *(
            (
                {"paymentDetails": {"method": "CARD", "transactionId": number, "paidAt": "2026-11-24T10:00:00Z"}},
                {"paymentDetails.transactionId"},
            )
            for number in ("4111111111111111", "tx-4111-1111-1111-1111", "378282246310005")
        ),
    ],
)
def test_wrong_change_is_refused(tenant: Tenant, change: dict[str, Any], fields: set[str]) -> None:
    """A change with wrong fields or a card number is refused, and the order keeps its status."""
    order_id = tenant.ordered()["id"]
    response = tenant.change(order_id, change)
    assert is_problem(response, 400), response.text
    assert {error["field"] for error in response.json()["errors"]} == fields
    assert tenant.get(order_id).json()["status"] == "PENDING_PAYMENT"


@pytest.mark.parametrize("order_id", ["1", "x", "6f1c1e4e", "%7B%7B7*7%7D%7D", "..%2f..%2fetc"])
def test_malformed_order_id_is_refused(tenant: Tenant, order_id: str) -> None:
    """A request for an order by a malformed id is refused."""
    response = tenant.get(order_id)
    assert response.status_code in (400, 404)
    assert is_problem(response, response.status_code)
